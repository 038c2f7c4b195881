"""Recognizers whose true importance is known, and networks small enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mmaction.models import STABN, Recognizer3D
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.structures import Prediction

CLASSES, FRAMES, SIZE = 5, 4, 32


class LinearRecognizer(BaseRecognizer):
    """scores_k = Σ weights_k·x, over channels, frames and pixels: importance is weights·x."""

    def __init__(self, weights: Tensor, **kwargs: Any) -> None:
        super().__init__(num_classes=len(weights), clip_len=weights.shape[2], **kwargs)
        self.weights = torch.nn.Parameter(weights)

    def predict_clips(self, clips: Tensor) -> Prediction:
        return Prediction(scores=torch.einsum("kcthw,bcthw->bk", self.weights, clips))

    def losses(self, prediction: Prediction, labels: Tensor) -> dict[str, Tensor]:
        raise NotImplementedError


@pytest.fixture
def make_linear() -> Callable[..., LinearRecognizer]:
    return LinearRecognizer


def make_model(kind: str, **changes: Any) -> BaseRecognizer:
    """A STABN or a Recognizer3D, its norms' statistics off their start values."""
    torch.manual_seed(0)
    backbone = dict(type="ResNet3D", depth=10, base_channels=4) | changes.pop("backbone", {})
    sizes = dict(num_classes=CLASSES, clip_len=FRAMES) | changes
    if kind == "st_abn":
        model: BaseRecognizer = STABN(backbone=dict(num_stages=3) | backbone, **sizes)
    else:
        model = Recognizer3D(backbone=backbone, **sizes)
    for parameter in model.parameters():
        # Linears start so small that all scores are nearly the same.
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    model(torch.randn(4, 3, model.clip_len, SIZE, SIZE))
    return model


@pytest.fixture(name="make_model")
def _make_model() -> Callable[..., BaseRecognizer]:
    return make_model


@pytest.fixture
def st_abn() -> BaseRecognizer:
    return make_model("st_abn")


@pytest.fixture
def plain() -> BaseRecognizer:
    return make_model("plain")


@pytest.fixture
def clips() -> Tensor:
    return torch.randn(2, 3, FRAMES, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def small_clips() -> Tensor:
    return torch.randn(2, 3, 4, 6, 5, generator=torch.Generator().manual_seed(4))


@pytest.fixture
def linear() -> LinearRecognizer:
    """Of the size of ``small_clips``."""
    weights = torch.randn(3, 3, 4, 6, 5, generator=torch.Generator().manual_seed(3))
    return LinearRecognizer(weights)
