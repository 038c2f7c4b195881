"""Recognizers whose true importance is known, and networks small enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.structures import Prediction


class LinearRecognizer(BaseRecognizer):
    """scores_k = Σ weights_k·x, over channels, frames and pixels: importance is weights·x."""

    def __init__(self, weights: Tensor, **kwargs: Any) -> None:
        super().__init__(num_classes=len(weights), clip_len=weights.shape[2], **kwargs)
        self.weights = torch.nn.Parameter(weights)

    def predict_clips(self, clips: Tensor) -> Prediction:
        return Prediction(scores=torch.einsum("kcthw,bcthw->bk", self.weights, clips))

    def losses(self, prediction: Prediction, labels: Tensor) -> dict[str, Tensor]:
        raise NotImplementedError


def layer_and_gradient(
    model: BaseRecognizer, layer: str, clips: Tensor, target: Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """What a layer gives for clips, and the gradient of their targets' scores by it."""
    kept: list[Tensor] = []

    def keep(_module: Any, _args: Any, output: Any) -> None:
        kept.append(output[0] if isinstance(output, tuple) else output)
        kept[0].retain_grad()

    with model.get_submodule(layer).register_forward_hook(keep):
        scores = model(clips).scores
    scores.gather(1, target[:, None]).sum().backward()
    return kept[0].detach().numpy(), kept[0].grad.numpy()


@pytest.fixture
def make_linear() -> Callable[..., LinearRecognizer]:
    return LinearRecognizer


@pytest.fixture
def clips() -> Tensor:
    return torch.randn(2, 3, 4, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def small_clips() -> Tensor:
    return torch.randn(2, 3, 4, 6, 5, generator=torch.Generator().manual_seed(4))


@pytest.fixture
def linear() -> LinearRecognizer:
    """Of the size of ``small_clips``."""
    weights = torch.randn(3, 3, 4, 6, 5, generator=torch.Generator().manual_seed(3))
    return LinearRecognizer(weights)
