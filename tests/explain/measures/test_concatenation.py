from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mmaction.explain.measures.concatenation import concatenated, concatenation, partners, spread


def numbered(frames: int, start: float) -> Tensor:
    return (torch.arange(frames) + start).reshape(1, frames, 1, 1).expand(3, frames, 2, 2)


def test_each_gives_half_evenly_spaced() -> None:
    joined = concatenated(numbered(6, 0), numbered(6, 10))
    assert joined[0, :, 0, 0].tolist() == [1, 3, 5, 11, 13, 15]
    joined = concatenated(numbered(5, 0), numbered(5, 10))
    assert joined[0, :, 0, 0].tolist() == [1, 3, 10, 12, 14]
    assert spread(4, 4).tolist() == [0, 1, 2, 3]


def test_what_knows_the_class_scores_fully() -> None:
    def knows(clips: Tensor) -> np.ndarray:
        return (clips[:, 0, :, 0, 0] < 10).double().numpy()

    found = concatenation(knows, numbered(6, 0), numbered(6, 10))
    assert found == {"concatenation_pointing": 1, "concatenation_energy": 1}


@pytest.mark.parametrize("weights", [np.ones(6), np.arange(6.0), np.arange(6.0)[::-1].copy()])
def test_what_does_not_look_scores_half(weights: np.ndarray) -> None:
    """A liking for the beginning or the end earns nothing."""
    found = concatenation(lambda clips: np.stack([weights] * 2), numbered(6, 0), numbered(6, 10))
    assert found == {"concatenation_pointing": 0.5, "concatenation_energy": pytest.approx(0.5)}


def test_a_clip_of_one_frame_has_no_halves() -> None:
    found = concatenation(lambda clips: np.ones((2, 1)), numbered(1, 0), numbered(1, 10))
    assert all(np.isnan(value) for value in found.values())


def test_partners_are_of_another_class() -> None:
    classes = np.array([0, 0, 1, 2, 1])
    chosen = partners(classes, np.random.default_rng(0))
    assert (classes[chosen] != classes).all()
    np.testing.assert_array_equal(chosen, partners(classes, np.random.default_rng(0)))
    assert partners(np.zeros(3, dtype=int), np.random.default_rng(0)).tolist() == [-1, -1, -1]
