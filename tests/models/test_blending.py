"""Mixup and CutMix of clips, and the losses of both branches of the blended labels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.models.blending import Blending

CLIPS = torch.rand(3, 3, 4, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 4, 2])


def blended(kind: str, labels: Tensor = LABELS) -> tuple[Tensor, Tensor]:
    torch.manual_seed(5)
    return Blending([dict(type=kind, alpha=0.8)], num_classes=5)(CLIPS, labels)


@pytest.mark.parametrize("several", [False, True])
def test_mixup_is_one_mean_of_neighbours_clips_and_labels(several: bool) -> None:
    one_hot = torch.eye(5)[LABELS]
    whole = one_hot + torch.eye(5)[1] if several else one_hot
    clips, shares = blended("MixUp", whole if several else LABELS)
    share = shares[0, 0]
    assert 0 < share < 1
    torch.testing.assert_close(shares, share * whole + (1 - share) * whole.roll(1, 0))
    torch.testing.assert_close(clips, share * CLIPS + (1 - share) * CLIPS.roll(1, 0))
    assert type(clips) is Tensor


def test_cutmix_puts_a_box_of_the_neighbour_into_all_frames() -> None:
    clips, shares = blended("CutMix")
    taken = (clips != CLIPS).any(dim=1)
    assert torch.equal(taken[0, 0], taken.all(dim=0).all(dim=0)), "the same of all clips and frames"
    rows, columns = taken[0, 0].any(dim=1).nonzero(), taken[0, 0].any(dim=0).nonzero()
    area = (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
    assert taken[0, 0].sum() == area, "a box"
    expected = torch.where(taken[:, None], CLIPS.roll(1, 0), CLIPS)
    assert torch.equal(clips, expected)
    one_hot, left = torch.eye(5)[LABELS], 1 - area / 32**2
    torch.testing.assert_close(shares, left * one_hot + (1 - left) * one_hot.roll(1, 0))


def test_both_branches_learn_the_blended_labels(make_st_abn) -> None:
    clips, shares = blended("MixUp")
    model = make_st_abn(blending=[dict(type="MixUp", alpha=0.8)]).eval()
    torch.manual_seed(5)
    losses, out = model(CLIPS, labels=LABELS, mode="loss"), model(clips)
    for name, scores in (("perception", out.scores), ("attention", out.attention_scores)):
        torch.testing.assert_close(losses[f"loss_{name}"], F.cross_entropy(scores, shares))


def test_wrong_options_and_cached_features_are_refused(make_plain) -> None:
    for wrong in (dict(type="Mixup"), dict(type="MixUp", alpha=0), dict(type="CutMix", p=1)):
        with pytest.raises(ConfigError, match="expected type='MixUp' or 'CutMix'"):
            make_plain(blending=[wrong])
    model = make_plain(blending=[dict(type="CutMix")])
    with pytest.raises(ConfigError, match="leave it out on cached features"):
        model(features=torch.zeros(1, 32, 4, 2, 2), labels=torch.tensor([0]), mode="loss")
