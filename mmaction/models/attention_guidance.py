"""Attention taught by edits: A_s and A_t drawn to where and when somebody says to look.

M. Mitsuhara et al., "Embedding Human Knowledge into Deep Neural Network via Attention Map"
(arXiv:1905.03540), fine-tune an attention branch network on edited maps of pictures by
γ·‖M' − M‖₂ beside the classes' losses. Here the maps are of videos, and an edit need not say
something of every cell and every frame.

Dimension letters: B clips, N videos, V views, T frames, H×W pixels, h×w cells of the maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mmaction.structures import ClipSample

_LEAST = 1e-6


@dataclass(frozen=True)
class GuidanceTargets:
    """Edits on the maps' grid; zeros where nothing is said.

    Attributes:
        look: B×T×h×w in [0, 1]: the share of a cell that is marked to be looked at.
        away: B×T×h×w in [0, 1]: that is marked to be looked away from.
        weights: B×T in [0, 1]: how much a frame is to weigh.
        known: B×T, 0 or 1: whether that is said.
    """

    look: Tensor
    away: Tensor
    weights: Tensor
    known: Tensor


def guidance_targets(samples: Sequence[ClipSample], *, views: int, maps: Tensor) -> GuidanceTargets:
    """The edits of a batch.

    Args:
        samples: N videos.
        views: V of each.
        maps: A_s, B×T×h×w, for its shape and device.
    """
    cells = (maps.shape[1], maps.shape[2], maps.shape[3])
    marks = torch.zeros(len(samples) * views, 2, *cells)
    times = torch.full((len(samples) * views, cells[0]), torch.nan)
    for number, sample in enumerate(samples):
        if sample.guidance is None:
            continue
        place = slice(number * views, (number + 1) * views)
        pixels = torch.from_numpy(sample.guidance.spatial).float() / 255  # V×2×T×H×W
        marks[place] = F.adaptive_avg_pool3d(pixels, cells)
        times[place] = torch.from_numpy(sample.guidance.temporal)
    marks, times = marks.to(maps), times.to(maps)
    look, away = marks.unbind(dim=1)
    return GuidanceTargets(look, away, times.nan_to_num(0.0), (~times.isnan()).to(maps))


def spatial_guidance(spatial: Tensor, targets: GuidanceTargets) -> Tensor:
    """How far A_s is from where the edits say, B, each ≥ 0; 0 for a clip that nobody edited.

    Σ look·(1 − A)² / Σ look  +  −log(1 − Σ away·A / Σ A), sums over T, h and w.

    The first is the squared distance of arXiv:1905.03540 where the edited map is 1, averaged over
    what is marked; the second the share of the clip's attention that lies where it should not, by
    its likelihood: whatever a map's scale, one cell that outshines the others counts. Cells of
    which nothing is said have no gradient.

    Args:
        spatial: A_s, B×T×h×w in [0, 1].
        targets: The edits.
    """
    over = (1, 2, 3)
    missed = (targets.look * (1 - spatial).square()).sum(over)
    missed = missed / targets.look.sum(over).clamp(min=_LEAST)
    unsaid = (1 - targets.look - targets.away).clamp(min=0)
    astray = (targets.away * spatial).sum(over)
    elsewhere = (targets.look * spatial).sum(over) + (unsaid * spatial).sum(over).detach()
    share = elsewhere / (astray + elsewhere).clamp(min=_LEAST)
    said = (targets.away.sum(over) > 0).to(spatial)
    return missed - said * share.clamp(min=_LEAST).log()


def temporal_guidance(temporal: Tensor, targets: GuidanceTargets) -> Tensor:
    """How far A_t is from when the edits say, B, each in [0, 1]; 0 for a clip that nobody edited.

    Mean of (v − A_t)² over the frames of which v is said (the squared distance of
    arXiv:1905.03540, in time).

    Args:
        temporal: A_t, B×T in [0, 1].
        targets: The edits.
    """
    distance = (targets.known * (targets.weights - temporal).square()).sum(dim=1)
    return distance / targets.known.sum(dim=1).clamp(min=1)


def swap_surroundings(clips: Tensor, samples: Sequence[ClipSample], *, prob: float) -> Tensor:
    """Clips in which what an edit says to look away from is another clip's.

    x'_i(t) = x_i(t)·(1 − away_i(t)) + x_j(s)·away_i(t), with j a clip and s a frame drawn for each
    edited clip: another place that stands still. The label stays, so that what the class is told
    by can't lie there: teaching A_s alone leaves a network what its features carry from there to
    where it may look. Backgrounds are exchanged likewise by Zou et al., ActorCutMix
    (arXiv:2103.15949). Numbers come from torch's global generator on the CPU, which checkpoints
    keep.

    Args:
        clips: float, B×3×T×H×W, the views of a video one after another.
        samples: N videos.
        prob: How often an edited clip is changed, in [0, 1].
    """
    views, swapped = len(clips) // len(samples), []
    for number, clip in enumerate(clips):
        guidance = samples[number // views].guidance
        if guidance is not None and len(samples) > 1 and torch.rand(()) < prob:
            other = (number + int(torch.randint(views, len(clips) - views + 1, ()))) % len(clips)
            frame = int(torch.randint(clips.shape[2], ()))
            marks = torch.from_numpy(guidance.spatial[number % views, 1]).to(clips.device)
            clip = torch.lerp(clip, clips[other, :, frame, None], marks.to(clips.dtype) / 255)
        swapped.append(clip)
    return torch.stack(swapped).contiguous(memory_format=torch.channels_last_3d)
