"""Control: the middle of the frame and of the clip, where cameras put what matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from mmaction.explain.explainers.base import Explainer, MapsOverTime
from mmaction.explain.explainers.maps import frame_means
from mmaction.explain.explainers.noise import CONTROL_GRID
from mmaction.explain.explainers.options import check_number, check_sizes
from mmaction.registry import EXPLAINERS

if TYPE_CHECKING:
    from mmaction.models.recognizers.base import BaseRecognizer


@EXPLAINERS.register_module(name="center")
class Center(Explainer):
    """A Gaussian bump in the middle of frame and clip; the model and the pixels play no part.

    spatial(t, y, x) = exp(-(u_t² + u_y² + u_x²) / (2·sigma²)), where u is how far the middle of a
    frame or cell lies from the middle of the clip or frame, as a share of its length: -½ to ½. With
    the default sigma of ¼ the middle of a frame's edge has e⁻² of its centre's value. The target is
    recorded only.

    Spatial: in (0, 1], h×w as ``grid`` says. Temporal: its frame means, highest in the middle of
    the clip.

    Args:
        grid: (h, w), cells of the map.
        sigma: The bump's standard deviation, as a share of the frame's sides and of the clip.
    """

    name: ClassVar[str] = "center"

    def __init__(self, *, grid: Sequence[int] = CONTROL_GRID, sigma: float = 0.25) -> None:
        self.grid = check_sizes(self.name, "grid", grid, "hw")
        self.sigma = check_number(self.name, "sigma", sigma, above=0)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> MapsOverTime:
        time, y, x = (self._bump(n, clips.device) for n in (clips.shape[2], *self.grid))
        bump = time[:, None, None] * y[:, None] * x
        spatial = bump.repeat(len(clips), 1, 1, 1)
        return spatial, frame_means(spatial)

    def _bump(self, cells: int, device: torch.device) -> Tensor:
        offset = (torch.arange(cells, device=device) + 0.5) / cells - 0.5
        return torch.exp(-0.5 * (offset / self.sigma) ** 2)
