from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.models import STABN
from mmaction.models.attention_masking import mask_by_attention

FRAMES, ROWS, COLUMNS, CELL = 4, 2, 3, 5
CELLS = FRAMES * ROWS * COLUMNS


def seen_cells(part: Tensor, clip: Tensor) -> Tensor:
    """Which cells of a clip are shown as they are: bool, T×h×w."""
    same = (part == clip).all(dim=0).view(FRAMES, ROWS, CELL, COLUMNS, CELL)
    return same.all(dim=4).all(dim=2)


def masked(number: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(number)
    clip = torch.rand(3, FRAMES, ROWS * CELL, COLUMNS * CELL)
    attention = torch.rand(FRAMES, ROWS, COLUMNS)
    label = torch.tensor([0.25, 0.75, 0.0, 0.0])
    parts, labels = mask_by_attention(
        clip[None], label[None], attention[None], prob=1.0, unsure=0.25
    )
    return clip, attention, parts[0], labels[0]


def test_a_label_is_as_sure_as_the_share_of_attention_in_what_is_shown() -> None:
    kinds = set()
    for number in range(150):
        clip, attention, part, label = masked(number)
        seen = seen_cells(part, clip)
        share = float(attention[seen].sum() / attention.sum())
        if share and label.max() == 0.25:  # the first frame alone, in the place of none
            assert torch.equal(part, clip[:, :1].expand_as(clip))
            share = 0.0
        expected = [share * y + (1 - share) * 0.25 for y in (0.25, 0.75, 0.0, 0.0)]
        assert label.tolist() == pytest.approx(expected, abs=1e-6)
        count = int(seen.sum())
        if 4 < count < CELLS - 4:
            first = attention.flatten().argsort(descending=True).argsort().view_as(attention)
            if bool((seen == (first < count)).all()):
                kinds.add("the most attended cells")
            if bool((seen == (first >= CELLS - count)).all()):
                kinds.add("the least attended cells")
            per_frame = seen.sum(dim=(1, 2))
            if len(per_frame.unique()) == 1:
                kinds.add("equally many of each frame")
            if {*per_frame.tolist()} == {0, ROWS * COLUMNS}:
                kinds.add("whole frames")
    assert len(kinds) == 4


def test_a_frame_that_is_not_shown_is_the_last_one_before_it_that_is() -> None:
    stood_still = 0
    for number in range(150):
        clip, _, part, _ = masked(number)
        shows = [
            [bool((part[:, t] == clip[:, s]).all()) for s in range(FRAMES)] for t in range(FRAMES)
        ]
        if not all(any(row) for row in shows):
            continue  # cells, not frames, are missing
        shown = [row.index(True) for row in shows]
        kept = [t for t in range(FRAMES) if shown[t] == t]
        assert shown == [max([s for s in kept if s <= t], default=kept[0]) for t in range(FRAMES)]
        stood_still += kept != list(range(FRAMES))
    assert stood_still > 10


def test_prob_says_how_often() -> None:
    torch.manual_seed(0)
    clips, labels = torch.rand(200, 3, 4, 8, 8), torch.eye(2).repeat(100, 1)
    attention = torch.rand(200, 4, 2, 2)
    parts, _ = mask_by_attention(clips, labels, attention, prob=0.25, unsure=0.5)
    changed = int((parts != clips).flatten(1).any(dim=1).sum())
    # A part may be all of a clip: of four frames a ninth of the temporal ones, or less.
    assert 50 - 3 * math.sqrt(200 * 0.25 * 0.75) - 10 < changed < 50 + 3 * math.sqrt(200 * 0.1875)
    parts, same = mask_by_attention(clips, labels, attention, prob=0.0, unsure=0.5)
    assert torch.equal(parts, clips)
    assert torch.equal(same, labels)


def test_a_training_step_counts_whole_clips_once(make_st_abn: Callable[..., STABN]) -> None:
    """The attention is looked up as in a test: no running statistics move by it."""
    model: Any = make_st_abn(mask_by_attention=1.0)
    model.train()
    losses = model(torch.randn(2, 3, 4, 32, 32), torch.tensor([0, 1]), mode="loss")
    assert all(bool(value.isfinite()) for value in losses.values())
    assert model.training
    assert int(model.attention_branch.bn_response.num_batches_tracked) == 1
    with pytest.raises(ConfigError, match="cached features have none"):
        model(labels=torch.tensor([0]), mode="loss", features=torch.randn(1, 16, 4, 2, 2))
    with pytest.raises(ConfigError, match="model.mask_by_attention=2: expected 0 to 1"):
        make_st_abn(mask_by_attention=2)
