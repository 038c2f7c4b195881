from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmaction.explain.explainers.maps import per_frame, smooth


@given(steps=st.integers(1, 6), stride=st.integers(1, 5))
def test_each_step_stands_for_its_frames(steps: int, stride: int) -> None:
    maps = torch.arange(steps).float().view(1, -1, 1, 1)
    expected = [step for step in range(steps) for _ in range(stride)]
    assert per_frame(maps, steps * stride).flatten().tolist() == expected


def test_smooth_is_a_gaussian_and_repeats_the_edges() -> None:
    sigma = 1.5
    weights = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(-5, 6)]
    values = torch.tensor([4.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    expected = [
        sum(
            w * float(values[min(max(n + i, 0), 6)])
            for i, w in zip(range(-5, 6), weights, strict=True)
        )
        / sum(weights)
        for n in range(7)
    ]
    blurred = smooth(values[None, :, None].repeat(2, 1, 3), sigma, dims=(1,))
    for row in blurred.movedim(1, -1).reshape(-1, 7):
        assert row.tolist() == pytest.approx(expected)


def test_smooth_is_separable_and_keeps_a_constant() -> None:
    values = torch.rand(2, 3, 6, 7)
    both = smooth(values, 1.0, dims=(2, 3))
    torch.testing.assert_close(both, smooth(smooth(values, 1.0, dims=(3,)), 1.0, dims=(2,)))
    torch.testing.assert_close(
        smooth(torch.full((3, 4), 2.5), 2.0, dims=(0, 1)).unique().mean(), torch.tensor(2.5)
    )
    assert smooth(values, 0, dims=(1,)) is values
