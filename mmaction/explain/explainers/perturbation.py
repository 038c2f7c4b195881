"""Extremal perturbation: the part of a clip, no larger than said, that keeps the answer.

Dimension letters: B clips, A areas, T frames, H×W pixels, t×h×w cells of the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from mmaction.explain.explainers.base import Explainer
from mmaction.explain.explainers.maps import blurred
from mmaction.explain.explainers.options import check, check_count, check_seed, check_sizes
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS

# Of the area's penalty at the end; at first the score alone says which cells are worth showing.
_AREA_WEIGHT = 10.0
_TINY = 1e-30  # a gradient that is zero everywhere stays so
_RATE, _MOMENTUM = 0.02, 0.9


@EXPLAINERS.register_module(name="perturbation")
class Perturbation(Explainer):
    """Extremal perturbation (Fong et al., ICCV 2019, arXiv:1910.08485), in space and time.

    With x the clip, b its blur in space and time, up the trilinear enlargement, N cells, for each
    area a a mask m in [0, 1]^{t×h×w} is found by gradient descent with momentum that minimises
        -log p(target | x·up(m) + b·(1 - up(m))) + N/2·(λ·mean((sort(m) - r_a)²) + μ·rough(m)),
    where r_a has (1 - a)·N zeros, then a·N ones, λ rises from 0 to 10, and rough(m) is the mean of
    the squares of the differences of neighbours in t, h and w: masks are to be smooth over space
    and time, after Li et al. (IEEE TCSVT 2021, arXiv:2109.00222). The map is the mean of the masks.

    The gradient of log p is divided by its largest value, in each mask and step: so λ and μ weigh
    the same for every network, and where the network is sure long before the area is reached, the
    descent goes on.

    The measure of insertion starts from the same blur; read deletion beside it.

    Spatial: in [0, 1], h×w. Temporal: its frame means.

    Args:
        areas: Shares of the clip that masks show, above 0 and below 1; one mask each.
        grid: (t, h, w), cells of the masks; t is at most T.
        steps: Of the descent; each costs a forward and a backward pass of each clip and area.
        smoothness: μ.
        seed: Starts the noise, a thousandth high, on the masks' first value ½.
    """

    name: ClassVar[str] = "perturbation"
    uses_gradients: ClassVar[bool] = True

    def __init__(
        self,
        *,
        areas: Sequence[float] = (0.05, 0.1, 0.2),
        grid: Sequence[int] = (8, 7, 7),
        steps: int = 100,
        smoothness: float = 0.1,
        seed: int = 0,
    ) -> None:
        listed = isinstance(areas, Sequence) and len(areas) > 0 and not isinstance(areas, str)
        fits = listed and all(isinstance(area, float) and 0 < area < 1 for area in areas)
        expected = "numbers above 0 and below 1, such as (0.05, 0.1)"
        self.areas = tuple(check(self.name, "areas", areas, fits=fits, expected=expected))
        self.grid = check_sizes(self.name, "grid", grid, "thw")
        self.steps = check_count(self.name, "steps", steps)
        fits = isinstance(smoothness, int | float) and smoothness >= 0
        self.smoothness = check(
            self.name, "smoothness", smoothness, fits=fits, expected="a number, 0 or more"
        )
        self.seed = check_seed(self.name, seed)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        count = len(self.areas)
        blur = blurred(clips).repeat_interleave(count, dim=0)
        every, classes = (x.repeat_interleave(count, dim=0) for x in (clips, target))
        areas = torch.tensor(self.areas, device=clips.device).repeat(len(clips))
        masks = self._first(clips).requires_grad_()
        optimizer = torch.optim.SGD([masks], lr=_RATE, momentum=_MOMENTUM)
        for step in range(self.steps):
            shown = F.interpolate(masks[:, None], size=clips.shape[2:], mode="trilinear")
            scores = model(torch.lerp(blur, every, shown)).scores
            # Summed over clips: each mask has its own loss, whatever else is in the batch.
            loss = F.cross_entropy(scores, classes, reduction="sum")
            area = _AREA_WEIGHT * step / self.steps * area_penalty(masks, areas)
            penalty = masks[0].numel() / 2 * (area + self.smoothness * roughness(masks)).sum()
            (of_score,) = torch.autograd.grad(loss, [masks])
            (of_penalty,) = torch.autograd.grad(penalty, [masks])
            largest = of_score.abs().amax(dim=(1, 2, 3), keepdim=True)
            masks.grad = of_score / largest.clamp_min(_TINY) + of_penalty
            optimizer.step()
            with torch.no_grad():
                masks.clamp_(0, 1)
        return masks.detach().unflatten(0, (len(clips), count)).mean(dim=1)

    def _first(self, clips: Tensor) -> Tensor:
        """Masks to start from, float, (B·A)×t×h×w, the same for each clip."""
        steps, height, width = self.grid
        size = (len(self.areas), min(steps, clips.shape[2]), height, width)
        # Cells of equal value would be ranked by where they lie.
        noise = torch.rand(size, generator=torch.Generator().manual_seed(self.seed))
        return (0.5 + 1e-3 * (noise - 0.5)).to(clips).repeat(len(clips), 1, 1, 1)


def area_penalty(masks: Tensor, areas: Tensor) -> Tensor:
    """mean((sort(m) - r_a)²), float, M: how far masks are from showing their area and no more.

    Args:
        masks: float in [0, 1], M×t×h×w.
        areas: float in (0, 1), M; a·N is rounded.
    """
    ranked = masks.flatten(1).sort(dim=1).values
    cells = ranked.shape[1]
    hidden = cells - (areas * cells).round()
    goal = torch.arange(cells, device=masks.device) >= hidden[:, None]
    return (ranked - goal.to(ranked)).square().mean(dim=1)


def roughness(masks: Tensor) -> Tensor:
    """Mean of the squares of differences of neighbours, summed over t, h and w: float, M.

    Args:
        masks: float, M×t×h×w.
    """
    total = masks.new_zeros(len(masks))
    for dim in (1, 2, 3):
        if masks.shape[dim] > 1:
            total = total + masks.diff(dim=dim).square().mean(dim=(1, 2, 3))
    return total
