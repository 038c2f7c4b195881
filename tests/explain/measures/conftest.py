"""A network whose true importance is known, and a table to print and to draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mmaction.datasets import RawframeDataset
from mmaction.explain.measures.table import MeasureTable

LinearScore = Callable[[Tensor], Tensor]


@pytest.fixture
def center_clips(tiny_data: Path) -> Callable[..., RawframeDataset]:
    """``center_clips(step)``: the tiny validation set, four frames a clip, shaped by a step."""

    def make(step: dict[str, Any]) -> RawframeDataset:
        sampling = dict(type="SampleSegments", clip_len=4, placement="center")
        return RawframeDataset(
            ann_file=tiny_data / "val.txt",
            data_root=tiny_data / "frames",
            pipeline=[sampling, dict(type="DecodeFrames"), step, dict(type="PackClips")],
        )

    return make


def write_masks(folder: Path, masks: np.ndarray, interval: tuple[int, int]) -> None:
    """The ground truth of the video ``a``."""
    np.savez(folder / "a.npz", actor_masks=masks, action_interval=np.array(interval))


@pytest.fixture
def weights() -> np.ndarray:
    """float64, T×h×w = 3×2×2, all different, of sum 1."""
    drawn = np.random.default_rng(7).permutation(12).reshape(3, 2, 2) + 1.0
    return drawn / drawn.sum()


@pytest.fixture
def linear(weights: np.ndarray) -> LinearScore:
    """Class 1 of two: Σ weight of the pixel's cell × red, on clips of 3×4×4 pixels; class 0: 0."""
    cells = torch.from_numpy(weights)
    pixels = cells.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2) / 4

    def score(clips: Tensor) -> Tensor:
        value = (clips[:, 0].double() * pixels).sum(dim=(1, 2, 3))
        return torch.stack([torch.zeros_like(value), value], dim=1)

    return score


@pytest.fixture
def table() -> MeasureTable:
    """Of two explainers and four videos, with something of everything."""
    rng = np.random.default_rng(0)
    curve = {"fractions": np.linspace(0, 1, 5)} | {
        f"{kind}_{order}": rng.random((4, 5))
        for kind in ("insertion", "deletion")
        for order in ("morf", "lerf")
    }
    return MeasureTable(
        videos=[dict(name=f"video {i}", label=i, prediction=i, probability=0.5) for i in range(4)],
        values={
            "attention": {"pointing": np.array([1, 1, 0, np.nan]), "increase": np.ones(4)},
            "random": {"pointing": np.zeros(4), "increase": np.zeros(4)},
        },
        chance={"pointing": np.full(4, 0.25)},
        curves={"attention": {"joint": curve}, "random": {"joint": curve}},
        stages={"attention": {"top": np.ones(2), "bottom": np.zeros(2)}},
        intervention={
            "intact": dict(correct=np.ones(4), probability=np.full(4, 0.9)),
            "spatial_uniform": dict(correct=np.array([1.0, 0, 0, 0]), probability=np.full(4, 0.4)),
        },
        about=dict(seed=3, config="a.py"),
        notes=["localization left out: no"],
    )
