"""Clips shown in part, with labels as sure as the share of the attention that is left.

Maps are true to a network when its answer comes and goes with what they mark, which is what
insertion and deletion measure (Petsiuk et al., arXiv:1806.07421). A network that has seen nothing
but whole clips answers from what is left of one all the same. TransMix (Chen et al.,
arXiv:2111.09833) labels a blend of two pictures by the share of each one's attention in it; here a
clip is blended with none.

Dimension letters: B clips, T frames, H×W pixels, h×w cells of the maps, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

Choice = TypeVar("Choice")
# A fill's cells a side: the clip's mean colour, or a coarse picture of it.
_FILL_CELLS = (1, 4)
# How many frames and cells a side have one random number: masks come in pieces, too.
_PIECES = (1, 2, 4)
_LEAST = 1e-6


def mask_by_attention(
    clips: Tensor, labels: Tensor, attention: Tensor, *, prob: float, unsure: float
) -> tuple[Tensor, Tensor]:
    """Clips of which some are shown in part, and labels y' = m·y + (1 − m)·u.

    m is the share of the clip's attention that lies in the part. It has the first n of N units in
    an order, n/N uniform in [0, 1]: cells of space and time, equally many cells of each frame, or
    whole frames; the most attended ones first, the least attended ones first, or in a random order.
    Cells that are not shown have the clip's mean colour or a coarse picture of it, frames that are
    not shown are the last one before them that is. Each choice is drawn for each clip, all alike
    probable, by torch's global generator on the CPU, which checkpoints keep.

    Args:
        clips: float, B×3×T×H×W.
        labels: Shares of classes, float, B×K.
        attention: ≥ 0, B×T×h×w.
        prob: How often a clip is shown in part, in [0, 1].
        unsure: u, each class's share of a clip in which nothing is left.
    """
    parts, shares = [], []
    for clip, weights in zip(clips, attention, strict=True):
        part, share = clip, weights.new_ones(())
        if torch.rand(()) < prob:
            part, kept = _part(clip, weights)
            share = (weights * kept).sum() / weights.sum().clamp(min=_LEAST)
        parts.append(part)
        shares.append(share)
    left = torch.stack(shares)[:, None]
    masked = torch.stack(parts).contiguous(memory_format=torch.channels_last_3d)
    return masked, left * labels + (1 - left) * unsure


def _part(clip: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """A part of a clip 3×T×H×W, and the units that are in it: bool, T×h×w or T×1×1."""
    most, least, random = weights, -weights, _noise(weights)
    order = _one_of((most, least, random))
    joint, spatial, temporal = order.reshape(1, -1), order.flatten(1), order.mean(dim=(1, 2))[None]
    kept = _first(_one_of((joint, spatial, temporal)))
    frames = len(weights)
    if kept.numel() == frames:
        return clip[:, _last_kept(kept[0])], kept.view(frames, 1, 1)
    kept = kept.view_as(weights)
    pixels = F.interpolate(kept[None, None].float(), size=clip.shape[1:])[0] > 0.5
    return torch.where(pixels, clip, _fill(clip)), kept


def _one_of(choices: Sequence[Choice]) -> Choice:
    return choices[int(torch.randint(len(choices), ()))]


def _noise(weights: Tensor) -> Tensor:
    """A random order in pieces, T×h×w."""
    size = _one_of(_PIECES)
    coarse = torch.rand(1, 1, *(-(-cells // size) for cells in weights.shape))
    return F.interpolate(coarse, size=weights.shape, mode="trilinear")[0, 0].to(weights)


def _first(rows: Tensor) -> Tensor:
    """Of rows …×N, bool: the highest ones of each, a random share of N; equal ones by chance."""
    shuffled = torch.randperm(rows.shape[1]).to(rows.device)
    places = rows[:, shuffled].argsort(dim=1, descending=True, stable=True)
    count = round(float(torch.rand(())) * rows.shape[1])
    first = torch.zeros_like(rows, dtype=torch.bool)
    return first.scatter_(1, shuffled[places[:, :count]], True)


def _fill(clip: Tensor) -> Tensor:
    """What is seen where nothing is shown, like the clip."""
    cells = _one_of(_FILL_CELLS)
    coarse = F.adaptive_avg_pool3d(clip[None], (1, cells, cells))
    return F.interpolate(coarse, size=clip.shape[1:], mode="trilinear")[0]


def _last_kept(kept: Tensor) -> Tensor:
    """For each of T frames the last one before it that is kept, or else the first: int64, T."""
    numbers = torch.arange(len(kept), device=kept.device)
    before = torch.where(kept, numbers, -1).cummax(dim=0).values
    return torch.where(before < 0, kept.int().argmax(), before)
