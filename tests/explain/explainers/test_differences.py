"""Controls that see motion alone, on clips of which all motion is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers import CompensatedDifference, FrameDifference, build_explainer

FRAMES, SIZE = 4, 64


def panned(*, pace: int) -> torch.Tensor:
    """A clip, 1×3×T×H×W, of a world that goes left, with a square that goes down by itself."""
    rng = np.random.default_rng(0)
    world = cv2.resize(rng.normal(0, 1, (20, 30)), (120, 80), interpolation=cv2.INTER_CUBIC)
    clip = np.stack([world[:SIZE, pace * t : pace * t + SIZE] for t in range(FRAMES)])
    for t in range(FRAMES):
        clip[t, 8 + 4 * t : 20 + 4 * t, 40:52] = 4.0
    return torch.from_numpy(clip).float().expand(1, 3, -1, -1, -1)


def on_the_square(maps: torch.Tensor) -> float:
    """Share of the mass of 1×T×8×8 maps in the cells that it comes to."""
    return float(maps[..., 0:5, 5:7].sum() / maps.sum())


def test_differences_by_hand(plain) -> None:
    clip = torch.zeros(1, 3, 4, 8, 8)
    clip[:, 0, 2:, :2, :2] = 3.0  # red, from frame 2 on: 3 on a third of the channels
    found = FrameDifference(grid=(2, 4))(plain, clip, 0)
    expected = torch.zeros(1, 4, 2, 4)
    expected[:, 1:3, 0, 0] = 3 / 3 * 4 / 8  # four of the cell's eight pixels
    assert torch.equal(found.spatial, expected)
    torch.testing.assert_close(found.temporal, expected.mean(dim=(2, 3)))


def test_a_still_camera_leaves_nothing_to_compensate(plain) -> None:
    clip = panned(pace=0)
    raw, compensated = (
        cls(grid=(8, 8))(plain, clip, 0).spatial for cls in (FrameDifference, CompensatedDifference)
    )
    torch.testing.assert_close(raw, compensated)
    assert on_the_square(raw) > 0.99


def test_the_camera_s_motion_is_taken_out(plain) -> None:
    clip = panned(pace=3)
    raw = FrameDifference(grid=(8, 8))(plain, clip, 0).spatial
    compensated = CompensatedDifference(grid=(8, 8))(plain, clip, 0).spatial
    assert on_the_square(raw) < 0.5
    assert on_the_square(compensated) > 0.75


def test_one_frame_differs_from_none(plain) -> None:
    for cls in (FrameDifference, CompensatedDifference):
        assert cls(grid=(2, 2))(plain, torch.rand(2, 3, 1, 8, 8), 0).spatial.abs().max() == 0


def test_motions_that_there_are() -> None:
    assert build_explainer("compensated_difference:motion=homography").motion == "homography"
    with pytest.raises(ConfigError, match="motion='affine', expected one of translation, simil"):
        build_explainer("compensated_difference:motion=affine")
