"""Networks small enough for a test, and a made-up explanation: a map that follows a moving blob."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from mmaction.explain.records import ClipExplanation
from mmaction.models import STABN, Recognizer3D
from mmaction.models.recognizers.base import BaseRecognizer
from tests.tiny_transformers import TRANSFORMERS

MakeExplanation = Callable[..., ClipExplanation]


def make_explanation(
    *,
    clip_len: int = 5,
    size: tuple[int, int] = (48, 64),
    cells: tuple[int, int] = (3, 4),
    answers: int = 3,
    seed: int = 0,
    **fields: object,
) -> ClipExplanation:
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width]
    y_cell, x_cell = ((np.indices(cells).T + 0.5) / cells).T
    frames = np.empty((clip_len, height, width, 3), dtype=np.uint8)
    spatial = np.empty((clip_len, *cells), dtype=np.float32)
    for index, place in enumerate((np.arange(clip_len) + 0.5) / clip_len):
        frames[index] = np.stack([200 * y / height, 200 * x / width, 60 + 0 * x], axis=-1)
        blob = (y / height - 0.5) ** 2 + (x / width - place) ** 2 < 0.02
        frames[index][blob] = 230, 230, 40
        spatial[index] = 0.1 + 0.8 * place * np.exp(
            -8 * ((y_cell - 0.5) ** 2 + (x_cell - place) ** 2)
        )
    values: dict = {
        "name": "person 1/bend",
        "frames": frames,
        "spatial": spatial,
        "temporal": rng.uniform(0.1, 0.9, clip_len).astype(np.float32),
        "frame_indices": 2 * np.arange(clip_len, dtype=np.int64) + 1,
        "scores": rng.normal(size=answers).astype(np.float32),
        "attention_scores": rng.normal(size=answers).astype(np.float32),
        "label": 1,
    }
    return ClipExplanation(**(values | fields))


@pytest.fixture(name="make_explanation", scope="session")
def _make_explanation() -> MakeExplanation:
    return make_explanation


def make_model(kind: str, **changes: Any) -> BaseRecognizer:
    """A STABN, a plain Recognizer3D or one of a transformer's tokens (``'tokens'``).

    Norms' statistics are off their start values.
    """
    torch.manual_seed(0)
    sizes = dict(num_classes=5, clip_len=4) | changes
    backbone: dict[str, Any] = dict(type="ResNet3D", depth=10, base_channels=4)
    if kind == "tokens":
        tiny = dict(TRANSFORMERS["videomae"], num_hidden_layers=2, num_frames=sizes["clip_len"])
        backbone = dict(type="TransformersBackbone", model=tiny)
    backbone |= sizes.pop("backbone", {})
    if kind == "st_abn":
        model: BaseRecognizer = STABN(backbone=dict(num_stages=3) | backbone, **sizes)
    else:
        model = Recognizer3D(backbone=backbone, **sizes)
    for parameter in model.parameters():
        # Linears start so small that all scores are nearly the same.
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    model(torch.randn(4, 3, model.clip_len, 32, 32))
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
