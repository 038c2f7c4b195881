from __future__ import annotations

import torch

from mmaction.explain.explainers.noise import clip_noise


def test_belongs_to_the_clip_wherever_it_lies(clips) -> None:
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
