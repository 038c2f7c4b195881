"""Shapley values of frames: what each adds to the target's score, on average over all company.

Dimension letters: B clips, T frames, n groups of frames, S sets of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.explain.explainers.base import Explainer
from mmaction.explain.explainers.captum_methods import captum_attr
from mmaction.explain.explainers.options import check, check_count, check_seed
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS

Worth = Callable[[Tensor, Tensor, Tensor], Tensor]
# Sets of groups to enumerate double with each group.
_MOST_EXACT = 12


@EXPLAINERS.register_module(name="frame_shapley")
class FrameShapley(Explainer):
    """Shapley values of frames (element Shapley values: Price and Damen, ACCV 2020, 2011.12372).

    The clip's frames are cut into n runs as equal as can be. With f(S) the target's score when only
    the groups of S are there:
        φ_i = Σ over S without i of |S|!·(n - |S| - 1)!/n! · (f(S ∪ {i}) - f(S)),
    and a group's value is shared equally by its frames. All frames sum to f(all) - f(none), where
    none is the mean colour (zero after normalisation). By default all 2ⁿ sets are computed, which
    is exact; with ``samples``, captum's ``ShapleyValueSampling`` estimates the values from random
    orders, whose sum stays exact.

    Says when, not where. Spatial: one cell a frame. Temporal: the same; any sign, in units of the
    score; frames below zero speak against the class.

    Args:
        groups: n, at most 12 where all sets are computed; a clip of fewer frames has one a frame.
        samples: How many random orders, each of n forward passes of each clip; None: all sets.
        score: ``probability`` of the target, or ``logit``.
        absent: What a frame that is not there shows: ``freeze``, the last frame before it that is,
            or the first after it; or ``blank``, the mean colour, as a flicker.
        seed: Starts the random orders.
        batch_size: Clips in one forward pass, at least B.

    Raises:
        UserError: With ``samples``: captum is not installed.
    """

    name: ClassVar[str] = "frame_shapley"

    def __init__(
        self,
        *,
        groups: int = 8,
        samples: int | None = None,
        score: str = "probability",
        absent: str = "freeze",
        seed: int = 0,
        batch_size: int = 16,
    ) -> None:
        self.groups = check_count(self.name, "groups", groups)
        self.samples = None if samples is None else check_count(self.name, "samples", samples)
        for option, value, known in (
            ("score", score, ("probability", "logit")),
            ("absent", absent, ("freeze", "blank")),
        ):
            expected = " or ".join(known)
            check(self.name, option, value, fits=value in known, expected=expected)
        self.score, self.absent = score, absent
        self.seed = check_seed(self.name, seed)
        self.batch_size = check_count(self.name, "batch_size", batch_size)
        if self.samples is None and self.groups > _MOST_EXACT:
            raise ConfigError(
                f"explainer frame_shapley: groups={groups} have 2^{groups} sets; take at most"
                f" {_MOST_EXACT}, or samples=25"
            )
        self._attr = None if self.samples is None else captum_attr(self.name)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        frames = clips.shape[2]
        count = min(self.groups, frames)
        group = torch.arange(frames, device=clips.device) * count // frames

        def worth(present: Tensor, clips: Tensor, target: Tensor) -> Tensor:
            """f, float, M, of M clips that have the groups ``present``, 0 or 1, M×n."""
            shown = self._shown(clips, present[:, group] > 0)
            scores = model(shown).scores
            scores = model.probabilities(scores) if self.score == "probability" else scores
            return scores.gather(1, target[:, None]).squeeze(1)

        every = clips.new_ones(len(clips), count)
        chunk = max(1, self.batch_size // len(clips))
        if self._attr is None:
            values = self._exact(worth, every, clips, target, chunk)
        else:
            torch.manual_seed(self.seed)  # put back by ``explain``
            values = self._attr.ShapleyValueSampling(worth).attribute(
                every,
                additional_forward_args=(clips, target),
                n_samples=self.samples,
                perturbations_per_eval=chunk,
            )
        return (values / group.bincount())[:, group, None, None]

    def _exact(
        self, worth: Worth, every: Tensor, clips: Tensor, target: Tensor, chunk: int
    ) -> Tensor:
        """float, B×n, from all sets, ``chunk`` of them at once."""
        count = every.shape[1]
        sets, coefficients = shapley_coefficients(count)
        values = torch.zeros_like(every)
        for some, shares in zip(sets.split(chunk), coefficients.split(chunk), strict=True):
            found = worth(
                some.to(every).repeat(len(clips), 1),
                clips.repeat_interleave(len(some), dim=0),
                target.repeat_interleave(len(some)),
            )
            values += found.view(len(clips), len(some)) @ shares.to(every)
        return values

    def _shown(self, clips: Tensor, there: Tensor) -> Tensor:
        """Clips B×3×T×H×W with only the frames that are ``there``, bool, B×T."""
        if self.absent == "freeze":
            frames = torch.arange(there.shape[1], device=there.device)
            last = torch.where(there, frames, -1).cummax(dim=1).values
            shown = torch.where(last < 0, there.int().argmax(dim=1, keepdim=True), last)
            clips = clips.gather(2, shown[:, None, :, None, None].expand_as(clips))
            there = there.any(dim=1, keepdim=True)
        return clips * there[:, None, :, None, None]


def shapley_coefficients(count: int) -> tuple[Tensor, Tensor]:
    """All sets of ``count`` members, and what the worth of each counts in each member's value.

    Returns:
        bool, S×n with S = 2ⁿ; float32, S×n: (|S|-1)!·(n-|S|)!/n! for members, and
        -|S|!·(n-|S|-1)!/n! for the others.
    """
    sets = (torch.arange(2**count)[:, None] >> torch.arange(count)) % 2 > 0
    joining = torch.tensor([1 / (count * math.comb(count - 1, size)) for size in range(count)])
    size = sets.sum(dim=1, keepdim=True)
    within = joining[(size - 1).clamp_min(0)]
    without = joining[size.clamp_max(count - 1)]
    return sets, torch.where(sets, within, -without)
