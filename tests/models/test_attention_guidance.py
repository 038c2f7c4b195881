from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.models import STABN
from mmaction.models.attention_guidance import (
    guidance_targets,
    spatial_guidance,
    swap_surroundings,
    temporal_guidance,
)
from mmaction.structures import ClipSample, Guidance
from tests.models.conftest import EVIDENCE

VIEWS, FRAMES, SIZE = 1, 4, 32
WEIGHTS = dict(guidance_spatial=3.0, guidance_temporal=2.0)


def edited(seed: int, *, views: int = VIEWS) -> ClipSample:
    """Pixels at random marked, or of which nothing is said; half of the frames weighed."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(3, size=(views, FRAMES, SIZE, SIZE))
    spatial = np.stack([kind == 1, kind == 2], axis=1).astype(np.uint8) * 255
    temporal = rng.random((views, FRAMES)).astype(np.float32)
    temporal[:, 1::2] = np.nan
    return ClipSample(seed, "a", 0, np.zeros((views, FRAMES)), guidance=Guidance(spatial, temporal))


def plain(number: int) -> ClipSample:
    return ClipSample(number, "b", 1, np.zeros((VIEWS, FRAMES)))


def literally(spatial: Tensor, temporal: Tensor, guidance: Guidance) -> tuple[float, float]:
    """Both distances of one clip, cell by cell."""
    rows, columns = spatial.shape[1:]
    sums = dict.fromkeys(("missed", "look", "astray", "all"), 0.0)
    for t in range(FRAMES):
        for i in range(rows):
            for j in range(columns):
                part = np.s_[i * SIZE // rows : (i + 1) * SIZE // rows]
                other = np.s_[j * SIZE // columns : (j + 1) * SIZE // columns]
                look, away = (guidance.spatial[0, :, t, part, other] / 255).mean(axis=(1, 2))
                a = float(spatial[t, i, j])
                sums["missed"] += look * (1 - a) ** 2
                sums["look"] += look
                sums["astray"] += away * a
                sums["all"] += a
    where = sums["missed"] / sums["look"] - math.log(1 - sums["astray"] / sums["all"])
    said = [t for t in range(FRAMES) if not np.isnan(guidance.temporal[0, t])]
    when = sum((guidance.temporal[0, t] - float(temporal[t])) ** 2 for t in said) / len(said)
    return where, when


@pytest.mark.parametrize("branch", [{}, EVIDENCE])
def test_the_losses_are_their_formulas_over_all_clips_of_the_batch(make_st_abn, branch) -> None:
    torch.manual_seed(0)
    model: STABN = make_st_abn(loss_weights=WEIGHTS, **branch).train()
    clips, samples = torch.randn(3, 3, FRAMES, SIZE, SIZE), [edited(0), plain(1), edited(2)]
    with torch.no_grad():
        out = model(clips)
    losses = model(clips, labels=torch.arange(3), samples=samples, mode="loss")
    found = [
        literally(out.spatial_attention[n], out.temporal_attention[n], samples[n].guidance)
        for n in (0, 2)
    ]
    where, when = np.sum(found, axis=0) / 3
    assert losses["loss_guidance_spatial"].item() == pytest.approx(3 * where, rel=1e-4)
    assert losses["loss_guidance_temporal"].item() == pytest.approx(2 * when, rel=1e-4)
    # Two processes, one of which has no edited clip, minimise their mean, as one would.
    halves = [
        model.attention_losses(model(part), part, its)
        for part, its in ((clips[:1], samples[:1]), (clips[1:2], samples[1:2]))
    ]
    assert halves[1]["loss_guidance_spatial"].item() == 0
    assert halves[1]["loss_guidance_temporal"].item() == 0


def test_what_nothing_is_said_of_has_no_gradient() -> None:
    torch.manual_seed(0)
    samples = [edited(0), plain(1)]
    samples[0].guidance.spatial[:, :, 2] = 0
    spatial = torch.rand(2, FRAMES, 2, 2, requires_grad=True)
    temporal = torch.rand(2, FRAMES, requires_grad=True)
    targets = guidance_targets(samples, views=1, maps=spatial)
    loss = spatial_guidance(spatial, targets).sum() + temporal_guidance(temporal, targets).sum()
    loss.backward()
    assert spatial.grad[0, [0, 1, 3]].abs().min() > 0
    assert temporal.grad[0, ::2].abs().min() > 0
    for silent in (spatial.grad[0, 2], spatial.grad[1], temporal.grad[0, 1::2], temporal.grad[1]):
        assert not silent.any(), "not known is not no"


def test_without_any_edit_both_are_zero_and_so_are_their_gradients(make_st_abn) -> None:
    model = make_st_abn(loss_weights=WEIGHTS).train()
    clips = torch.randn(2, 3, FRAMES, SIZE, SIZE)
    losses = model.attention_losses(model(clips), clips, [plain(0), plain(1)])
    total = sum(losses.values())
    assert total.item() == 0
    total.backward()
    assert all(not p.grad.any() for p in model.attention_branch.conv_spatial.parameters())


def test_blended_clips_have_no_masks(make_st_abn) -> None:
    with pytest.raises(ConfigError, match="model.blending blends clips, edits don't fit"):
        make_st_abn(loss_weights=WEIGHTS, blending=[dict(type="MixUp")])


def test_surroundings_are_a_still_picture_of_another_clip(make_st_abn) -> None:
    """What nobody edited stays, and so does what is not marked away."""
    torch.manual_seed(0)
    clips, samples = torch.randn(3, 3, FRAMES, SIZE, SIZE), [plain(0), edited(1), plain(2)]
    away = torch.from_numpy(samples[1].guidance.spatial[0, 1] == 255)
    sources = set()
    for _ in range(12):
        swapped = swap_surroundings(clips, samples, prob=1.0)
        assert torch.equal(swapped[::2], clips[::2])
        assert torch.equal(swapped[1][:, ~away], clips[1][:, ~away])
        [source] = [
            (n, s)
            for n in (0, 2)
            for s in range(FRAMES)
            if torch.equal(swapped[1][:, away], clips[n, :, s, None].expand_as(clips[1])[:, away])
        ]
        sources.add(source)
    assert len(sources) > 3
    assert torch.equal(swap_surroundings(clips, samples, prob=0.0), clips)
    with pytest.raises(ConfigError, match="model.swap_surroundings=2: expected 0 to 1"):
        make_st_abn(swap_surroundings=2)


def test_views_of_a_video_have_masks_of_their_own() -> None:
    sample = edited(0, views=2)
    targets = guidance_targets([plain(1), sample], views=2, maps=torch.zeros(4, FRAMES, 1, 1))
    assert not targets.look[:2].any()
    for view in range(2):
        looks = sample.guidance.spatial[view, 0].mean(axis=(1, 2)) / 255
        np.testing.assert_allclose(targets.look[2 + view, :, 0, 0], looks, rtol=1e-5)


def test_where_all_attention_is_astray_the_loss_is_finite() -> None:
    sample = edited(0)
    sample.guidance.spatial[:, 0], sample.guidance.spatial[:, 1] = 0, 255
    maps = torch.ones(1, FRAMES, 2, 2, requires_grad=True)
    loss = spatial_guidance(maps, guidance_targets([sample], views=1, maps=maps))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert maps.grad.isfinite().all()
