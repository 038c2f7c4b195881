from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mmaction.explain.measures.confidence import drop_and_increase, through_map

BLACK = (-1.0, -2.0, -3.0)


def test_a_map_fades_to_black_by_hand() -> None:
    """Stretched to 0 and 1: black, and as it was; half way: in the middle between them."""
    clips = torch.full((1, 3, 3, 1, 1), 3.0)
    seen = through_map(
        clips, np.array([2.0, 4, 6]).reshape(1, 3, 1, 1), np.array([[2.0, 4, 6]]), black=BLACK
    )
    expected = [[b, (b + 3) / 2, 3] for b in BLACK]
    np.testing.assert_allclose(seen[0, :, :, 0, 0].numpy(), expected, rtol=1e-6)


def test_own_weights_count() -> None:
    """A frame without weight goes black, whatever its map says."""
    clips = torch.full((1, 3, 2, 1, 1), 3.0)
    seen = through_map(clips, np.ones((1, 2, 1, 1)), np.array([[1.0, 0.0]]), black=BLACK)
    np.testing.assert_allclose(seen[0, :, :, 0, 0].numpy(), [[3, b] for b in BLACK])


@pytest.mark.parametrize(
    ("whole", "part", "drop", "increase"), [(0.8, 0.2, 0.75, 0), (0.5, 0.6, 0, 1), (0.5, 0.5, 0, 0)]
)
def test_drop_and_increase_by_hand(whole: float, part: float, drop: float, increase: float) -> None:
    def score(clips: Tensor) -> Tensor:
        p = torch.where((clips == 3).flatten(1).all(dim=1), whole, part)
        return torch.stack([1 - p, p], dim=1)

    clips = torch.full((2, 3, 2, 1, 1), 3.0)
    maps, weights = np.array([1.0, 2]).reshape(1, 2, 1, 1).repeat(2, 0), np.array([[1.0, 2]] * 2)
    found = drop_and_increase(
        score, clips, maps, weights, targets=torch.tensor([1, 1]), black=BLACK
    )
    np.testing.assert_allclose(found[0], [drop] * 2, atol=1e-7)
    np.testing.assert_array_equal(found[1], [increase] * 2)
