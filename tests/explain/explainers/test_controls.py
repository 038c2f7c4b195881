from __future__ import annotations

import itertools
import math

import pytest
import torch

from mmaction.explain.explainers import BlurredRandom, Center, Random
from mmaction.explain.explainers.controls import clip_noise


def test_noise_is_of_the_grid_s_size_whatever_the_class(st_abn, plain, clips) -> None:
    explanation = Random(grid=(6, 9))(st_abn, clips, 0)
    assert explanation.spatial.shape == (2, 4, 6, 9)
    assert torch.equal(explanation.spatial, Random(grid=(6, 9))(plain, clips, 3).spatial)
    other = Random(grid=(6, 9), seed=1)(st_abn, clips, 0)
    # Independent uniform noise differs by a third on average.
    assert (explanation.spatial - other.spatial).abs().mean() == pytest.approx(1 / 3, abs=0.05)


def test_noise_belongs_to_the_clip_wherever_it_lies(clips) -> None:
    noise = clip_noise(clips, (3, 5), seed=0)
    assert noise.shape == (2, 4, 3, 5)
    assert not torch.equal(noise[0], noise[1])
    assert torch.equal(clip_noise(clips.flip(0), (3, 5), seed=0), noise.flip(0))
    assert torch.equal(clip_noise(clips[1:], (3, 5), seed=0), noise[1:])
    laid_out = clips.to(memory_format=torch.channels_last_3d)
    assert torch.equal(clip_noise(laid_out, (3, 5), seed=0), noise)


def test_many_clips_and_seeds_have_noise_of_their_own() -> None:
    clips = torch.arange(60.0).view(60, 1, 1, 1, 1).repeat(1, 3, 1, 2, 2)
    drawn = torch.cat([clip_noise(clips, (2, 2), seed=seed) for seed in range(5)])
    assert len(drawn.flatten(1).unique(dim=0)) == 300
    # Uniform: the mean of 1200 has a standard error of 0.0083.
    assert abs(drawn.mean() - 0.5) < 5 * 0.0083
    assert 0 <= drawn.min() < 0.02
    assert 0.98 < drawn.max() < 1


def roughness(maps: torch.Tensor, dim: int) -> float:
    """Mean difference of neighbours, as a share of the map's spread."""
    return float(maps.diff(dim=dim).abs().mean() / maps.std())


def test_blurred_is_stretched_and_smoother_than_noise_along_every_axis(st_abn, clips) -> None:
    smooth = BlurredRandom()(st_abn, clips, 0)
    rough = Random()(st_abn, clips, 0).spatial
    for spatial in smooth.spatial:
        assert (spatial.min(), spatial.max()) == (0, 1)
    for dim in (1, 2, 3):
        assert roughness(smooth.spatial, dim) < 0.5 * roughness(rough, dim)
    other = BlurredRandom(seed=1)(st_abn, clips, 0)
    assert not torch.allclose(smooth.spatial, other.spatial)


def test_blurred_is_half_where_there_is_nothing_to_stretch(plain) -> None:
    explanation = BlurredRandom(grid=(1, 1))(plain, torch.randn(2, 3, 1, 32, 32), 0)
    assert explanation.spatial.flatten().tolist() == [0.5, 0.5]


def test_center_is_the_bump_of_its_docstring(st_abn, clips) -> None:
    explanation = Center(grid=(3, 5))(st_abn, clips, 0)
    for place in itertools.product(range(4), range(3), range(5)):
        offsets = [(i + 0.5) / n - 0.5 for i, n in zip(place, (4, 3, 5), strict=True)]
        expected = math.exp(-sum(u**2 for u in offsets) / (2 * 0.25**2))
        for spatial in explanation.spatial:
            assert spatial[place].item() == pytest.approx(expected)
