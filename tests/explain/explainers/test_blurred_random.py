from __future__ import annotations

import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers import BlurredRandom, Random


def roughness(maps: torch.Tensor, dim: int) -> float:
    """Mean difference of neighbours, as a share of the map's spread."""
    return float(maps.diff(dim=dim).abs().mean() / maps.std())


def test_is_stretched_and_smoother_than_noise_along_every_axis(st_abn, clips) -> None:
    smooth = BlurredRandom()(st_abn, clips, 0)
    rough = Random()(st_abn, clips, 0).spatial
    for spatial in smooth.spatial:
        assert (spatial.min(), spatial.max()) == (0, 1)
    for dim in (1, 2, 3):
        assert roughness(smooth.spatial, dim) < 0.5 * roughness(rough, dim)
    torch.testing.assert_close(smooth.temporal, smooth.spatial.mean((2, 3)))
    other = BlurredRandom(seed=1)(st_abn, clips, 0)
    assert not torch.allclose(smooth.spatial, other.spatial)


def test_is_half_where_there_is_nothing_to_stretch(plain) -> None:
    explanation = BlurredRandom(grid=(1, 1))(plain, torch.randn(2, 3, 1, 32, 32), 0)
    assert explanation.spatial.flatten().tolist() == [0.5, 0.5]


@pytest.mark.parametrize("options", [dict(sigma=0), dict(sigma_frames=-1), dict(seed="x")])
def test_refuses_options_that_can_not_be(options: dict) -> None:
    with pytest.raises(ConfigError, match=f"explainer blurred_random: {next(iter(options))}="):
        BlurredRandom(**options)
