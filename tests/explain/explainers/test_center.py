from __future__ import annotations

import math

import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers import Center


def test_is_the_bump_of_its_docstring(st_abn, clips) -> None:
    explanation = Center(grid=(3, 5), sigma=0.3)(st_abn, clips, 0)
    for t in range(4):
        for y in range(3):
            for x in range(5):
                squares = sum(((i + 0.5) / n - 0.5) ** 2 for i, n in ((t, 4), (y, 3), (x, 5)))
                expected = math.exp(-squares / (2 * 0.3**2))
                assert explanation.spatial[0, t, y, x].item() == pytest.approx(expected)
    assert torch.equal(explanation.spatial[0], explanation.spatial[1])


def test_is_one_in_the_very_middle_and_the_same_mirrored(st_abn, plain) -> None:
    plain.clip_len = 5
    explanation = Center()(plain, torch.randn(1, 3, 5, 32, 32), 0)
    spatial = explanation.spatial
    for dims in ((1,), (2,), (3,)):
        torch.testing.assert_close(spatial, spatial.flip(dims))
    torch.testing.assert_close(spatial, spatial.transpose(2, 3))
    middle = Center(grid=(3, 3))(plain, torch.randn(1, 3, 5, 32, 32), 0).spatial
    assert middle[0, 2, 1, 1] == middle.max() == 1
    assert explanation.temporal[0].argmax() == 2


def test_refuses_a_sigma_that_can_not_be() -> None:
    with pytest.raises(ConfigError, match="explainer center: sigma=0, expected a number above 0"):
        Center(sigma=0)
