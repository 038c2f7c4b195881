from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from mmaction.explain.explainers.maps import blurred
from mmaction.explain.measures.group import EvaluationOptions
from mmaction.explain.measures.perturbation import (
    DOMAINS,
    Perturbation,
    areas,
    frozen_frames,
)

Score = Callable[[Tensor], Tensor]


def perturbation(*, black: tuple[float, ...] = (0, 0, 0), **options: object) -> Perturbation:
    return Perturbation(options=EvaluationOptions(**options), black=black)  # type: ignore[arg-type]


def curves_of(
    score: Score,
    clip: Tensor,
    spatial: np.ndarray,
    temporal: np.ndarray,
    domain: str,
    **options: object,
) -> dict[str, np.ndarray]:
    return perturbation(**options).curves(
        score, clip, spatial, temporal, target=1, domain=domain, rng=np.random.default_rng(0)
    )


def zero_mean(score: Score) -> tuple[Tensor, Score]:
    """A clip of mean 0 in each channel, and the score that sees only what differs from it."""
    clip = torch.ones(3, 3, 4, 4)
    clip[:, :, ::2] = -1

    def seen(clips: Tensor) -> Tensor:
        return score(clips * clip)  # 1 where the clip is shown, 0 where its mean is

    return clip, seen


def test_joint_deletion_is_the_weights_sorted_and_summed(
    linear: Score, weights: np.ndarray
) -> None:
    """What is left after n of 12 cells: 1 minus the n highest (MoRF) or lowest (LeRF) weights."""
    clip, score = zero_mean(linear)
    found = curves_of(score, clip, weights, weights.sum(axis=(1, 2)), "joint", steps=12)
    np.testing.assert_allclose(found["fractions"], np.arange(13) / 12)
    rising = np.sort(weights.ravel())
    np.testing.assert_allclose(
        found["deletion_morf"], 1 - np.r_[0, np.cumsum(rising[::-1])], atol=1e-6
    )
    np.testing.assert_allclose(found["deletion_lerf"], 1 - np.r_[0, np.cumsum(rising)], atol=1e-6)


def test_spatial_deletion_takes_as_many_cells_of_each_frame(
    linear: Score, weights: np.ndarray
) -> None:
    clip, score = zero_mean(linear)
    found = curves_of(score, clip, weights, weights.sum(axis=(1, 2)), "spatial", steps=4)
    falling = -np.sort(-weights.reshape(3, 4), axis=1)
    expected = 1 - np.r_[0, np.cumsum(falling.sum(axis=0))]
    np.testing.assert_allclose(found["deletion_morf"], expected, atol=1e-6)


@pytest.mark.parametrize("domain", DOMAINS)
def test_insertion_ends_where_deletion_begins(
    domain: str, linear: Score, weights: np.ndarray
) -> None:
    clip = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    found = curves_of(linear, clip, weights, np.array([0.1, 0.9, 0.5]), domain)
    whole = float(linear(clip[None])[0, 1])
    for order in ("morf", "lerf"):
        assert found[f"insertion_{order}"][-1] == pytest.approx(whole, abs=1e-6)
        assert found[f"deletion_{order}"][0] == pytest.approx(whole, abs=1e-6)


def test_insertion_starts_from_the_blurred_clip(linear: Score, weights: np.ndarray) -> None:
    clip = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    start = float(linear(blurred(clip)[None])[0, 1])
    for domain in ("joint", "spatial"):
        found = curves_of(linear, clip, weights, np.ones(3), domain)
        assert found["insertion_morf"][0] == pytest.approx(start, abs=1e-6)
        blur = curves_of(linear, clip, weights, np.ones(3), domain, fill="blur")
        assert blur["deletion_morf"][-1] == pytest.approx(start, abs=1e-6)


def frame_score(clips: Tensor) -> Tensor:
    """Class 1: red of a pixel as a number whose decimals are the frames."""
    value = (clips[:, 0, :, 0, 0].double() * torch.tensor([100.0, 10, 1])).sum(dim=1)
    return torch.stack([torch.zeros_like(value), value], dim=1)


def test_temporal_removal_freezes(weights: np.ndarray) -> None:
    """Frames 1 2 3, the first the most relevant, then the last."""
    clip = torch.tensor([1.0, 2, 3]).reshape(1, 3, 1, 1).expand(3, 3, 4, 4)
    found = curves_of(frame_score, clip, weights, np.array([0.9, 0.1, 0.5]), "temporal")
    np.testing.assert_allclose(found["fractions"], [0, 1 / 3, 2 / 3, 1])
    np.testing.assert_array_equal(found["deletion_morf"], [123, 223, 222, 222])
    np.testing.assert_array_equal(found["deletion_lerf"], [123, 113, 111, 111])
    np.testing.assert_array_equal(found["insertion_morf"], [111, 111, 113, 123])
    np.testing.assert_array_equal(found["insertion_lerf"], [222, 222, 223, 123])


def test_temporal_removal_to_black(weights: np.ndarray) -> None:
    clip = torch.tensor([1.0, 2, 3]).reshape(1, 3, 1, 1).expand(3, 3, 4, 4)
    black = dict(temporal_fill="black", black=(9.0, 8.0, 7.0))
    found = curves_of(frame_score, clip, weights, np.array([0.9, 0.1, 0.5]), "temporal", **black)
    np.testing.assert_array_equal(found["deletion_morf"], [123, 923, 929, 999])
    np.testing.assert_array_equal(found["insertion_morf"], [999, 199, 193, 123])


def test_frozen_frames_by_hand() -> None:
    kept = np.array([False, False, True, False, True, False])
    assert frozen_frames(kept, last=3).tolist() == [2, 2, 2, 2, 4, 4]
    assert frozen_frames(np.zeros(3, dtype=bool), last=1).tolist() == [1, 1, 1]


def test_batches_make_no_difference_and_bound_the_clips(linear: Score, weights: np.ndarray) -> None:
    clip = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    sizes = []

    def counted(clips: Tensor) -> Tensor:
        sizes.append(len(clips))
        return linear(clips)

    for domain in DOMAINS:
        whole = curves_of(linear, clip, weights, np.ones(3), domain)
        parts = curves_of(counted, clip, weights, np.ones(3), domain, batch_size=3)
        for name, values in whole.items():
            np.testing.assert_allclose(parts[name], values)
    assert max(sizes) <= 3


def test_areas_of_curves(linear: Score, weights: np.ndarray) -> None:
    clip, score = zero_mean(linear)
    found = curves_of(score, clip, weights, weights.sum(axis=(1, 2)), "joint", steps=12)
    area = areas(found)
    left = 1 - np.r_[0, np.cumsum(np.sort(weights.ravel())[::-1])]
    assert area["deletion"] == pytest.approx((left[1:] + left[:-1]).sum() / 24)
    assert area["insertion_minus_deletion"] == area["insertion"] - area["deletion"]
    assert area["lerf_deletion"] > area["deletion"]


def test_a_constant_map_deletes_as_chance_does(linear: Score) -> None:
    """Ties broken by chance: over many seeds the curve is the straight line of a random order."""
    clip, score = zero_mean(linear)
    flat = np.ones((3, 2, 2))
    drawn = [
        perturbation(steps=4).curves(
            score, clip, flat, np.ones(3), target=1, domain="joint", rng=np.random.default_rng(seed)
        )
        for seed in range(200)
    ]
    mean = np.mean([curves["deletion_morf"] for curves in drawn], axis=0)
    np.testing.assert_allclose(mean, [1, 0.75, 0.5, 0.25, 0], atol=0.03)


def test_blur_keeps_a_constant_and_spreads_a_point() -> None:
    torch.testing.assert_close(
        blurred(torch.full((3, 4, 16, 16), 2.0)), torch.full((3, 4, 16, 16), 2.0)
    )
    point = torch.zeros(3, 9, 33, 33)
    point[:, 4, 16, 16] = 1
    found = blurred(point)
    # A product of three Gaussians: the ratio of neighbours follows from their deviations.
    sigma = 33 / 8
    assert float(found[0, 4, 16, 17] / found[0, 4, 16, 16]) == pytest.approx(
        np.exp(-0.5 / sigma**2), rel=1e-4
    )
    torch.testing.assert_close(found, found.flip(2, 3))
