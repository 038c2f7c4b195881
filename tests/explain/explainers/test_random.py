from __future__ import annotations

import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers import Random


def test_is_noise_of_the_grid_s_size_whatever_the_class(st_abn, plain, clips) -> None:
    explanation = Random(grid=(6, 9))(st_abn, clips, 0)
    assert explanation.spatial.shape == (2, 4, 6, 9)
    torch.testing.assert_close(explanation.temporal, explanation.spatial.mean((2, 3)))
    assert torch.equal(explanation.spatial, Random(grid=(6, 9))(plain, clips, 3).spatial)
    other = Random(grid=(6, 9), seed=1)(st_abn, clips, 0)
    # Independent uniform noise differs by a third on average.
    assert (explanation.spatial - other.spatial).abs().mean() == pytest.approx(1 / 3, abs=0.05)


@pytest.mark.parametrize("options", [dict(grid=(0, 3)), dict(grid=7), dict(seed=1.5)])
def test_refuses_options_that_can_not_be(options: dict) -> None:
    with pytest.raises(ConfigError, match=f"explainer random: {next(iter(options))}="):
        Random(**options)
