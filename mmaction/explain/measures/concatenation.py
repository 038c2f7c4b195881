"""Temporal pointing by concatenation: two clips after one another, one class asked for.

The pointing game on grids of pictures (J. Böhle, M. Fritz, B. Schiele, "Convolutional Dynamic
Alignment Networks for Interpretable Classifications", CVPR 2021, section 4.2), turned into time. A
clip and another of a different class each give half of the frames, evenly spaced so that the whole
action stays in; the length is that of a clip. Asked for the class of one of them, does the temporal
weight fall into its half? Both orders are tried and averaged, so that a liking for the beginning or
the end earns nothing: chance is the half's share of the frames, 1/2. Needs no annotation, since the
classes are those that the network names.

Class-agnostic attention (ST-ABN's A_s and A_t) is one map for both halves, and something goes on in
both: it can only score by weighing one class higher than another whatever was asked, which averages
out over videos. So 1/2 is no fault there, and much more would be strange.

Dimension letters: T frames, H×W pixels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from mmaction.explain.explainers import Explainer
from mmaction.explain.measures.group import MeasureGroup
from mmaction.explain.measures.localization import energy, hit_rate
from mmaction.explain.measures.table import CHANCE
from mmaction.progress import Progress
from mmaction.registry import MEASURES

CONCATENATION = ("concatenation_pointing", "concatenation_energy")
_HALF = 0.5


@MEASURES.register_module(name="concatenation")
class Concatenation(MeasureGroup):
    """Each video before and after one of another class."""

    name = "concatenation"
    measures = CONCATENATION

    def run(self, explainers: Mapping[str, Explainer]) -> None:
        other = partners(self.subject.classes, self.rng(len(self.subject)))
        if (other < 0).any():
            # Found out by running: what has been measured must not be lost over it.
            reason = "the network names the same class for all videos"
            self.table.notes.append(f"{self.name} left out: {reason}")
            return
        total = len(self.subject) * len(explainers)
        with Progress(self.name, total, "maps", stream=sys.stderr) as progress:
            for position, partner in enumerate(other.tolist()):
                clips = self.subject.clips([position, partner])
                for name, explainer in explainers.items():
                    found = concatenation(self._weights(explainer, position), *clips)
                    for measure, value in found.items():
                        self.table.put(name, measure, position, value)
                        self.table.put(CHANCE, measure, position, _HALF)
                    progress.advance()

    def _weights(self, explainer: Explainer, position: int) -> Callable[[Tensor], np.ndarray]:
        """Temporal weights, B×T, for the class of one video."""
        own = self.subject.classes[position]
        return lambda clips: self.subject.explain(explainer, clips, np.repeat(own, len(clips)))[1]


def concatenated(first: Tensor, second: Tensor) -> Tensor:
    """T // 2 frames of ``first``, then the rest of ``second``, each evenly spaced.

    Args:
        first, second: Normalised float, 3×T×H×W.
    """
    frames = first.shape[1]
    half = frames // 2
    parts = (first[:, spread(frames, half)], second[:, spread(frames, frames - half)])
    return torch.cat(parts, dim=1)


def spread(frames: int, count: int) -> np.ndarray:
    """The middle frames of ``count`` equal parts of ``frames``; int64."""
    return ((np.arange(count) + 0.5) * frames / max(count, 1)).astype(np.int64)


def concatenation(
    temporal_of: Callable[[Tensor], np.ndarray], clip: Tensor, other: Tensor
) -> dict[str, float]:
    """:data:`CONCATENATION` for one clip, each in [0, 1]; NaN where a clip has but one frame.

    Args:
        temporal_of: Clips B×3×T×H×W to temporal weights float B×T for the class of ``clip``.
        clip, other: Normalised float, 3×T×H×W, of different classes.
    """
    frames = clip.shape[1]
    if frames < 2:
        return dict.fromkeys(CONCATENATION, np.nan)
    weights = temporal_of(torch.stack([concatenated(clip, other), concatenated(other, clip)]))
    early = np.arange(frames) < frames // 2
    halves = zip(weights, (early, ~early), strict=True)
    found = [(hit_rate(w, own), energy(w, own)) for w, own in halves]
    return dict(zip(CONCATENATION, np.mean(found, axis=0).tolist(), strict=True))


def partners(classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each of N videos a random one of another class; -1 where there is none.

    Args:
        classes: int64, N.
        rng: Source of chance.
    """
    chosen = np.full(len(classes), -1, dtype=np.int64)
    for video, own in enumerate(classes):
        others = np.flatnonzero(classes != own)
        if len(others):
            chosen[video] = rng.choice(others)
    return chosen
