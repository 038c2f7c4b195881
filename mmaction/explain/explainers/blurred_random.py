"""Control: smooth noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from mmaction.explain.explainers.base import Explainer, MapsOverTime
from mmaction.explain.explainers.maps import frame_means, smooth
from mmaction.explain.explainers.noise import CONTROL_GRID, clip_noise
from mmaction.explain.explainers.options import check_number, check_seed, check_sizes
from mmaction.registry import EXPLAINERS

if TYPE_CHECKING:
    from mmaction.models.recognizers.base import BaseRecognizer


@EXPLAINERS.register_module(name="blurred_random")
class BlurredRandom(Explainer):
    """Noise smoothed in space and time: as coarse as an attention map, and as ignorant as noise.

    Uniform noise, started by the clip's pixels and ``seed`` as that of ``random``, is blurred by
    a Gaussian along h, w and T and stretched to [0, 1] over the whole clip. The target is recorded
    only.

    Spatial: in [0, 1], h×w as ``grid`` says; ½ everywhere where there is one cell and one frame.
    Temporal: its frame means.

    Args:
        grid: (h, w), cells of the map.
        sigma: Standard deviation of the blur over h and w, in cells.
        sigma_frames: Standard deviation of the blur over T, in frames.
        seed: For other noise.
    """

    name: ClassVar[str] = "blurred_random"

    def __init__(
        self,
        *,
        grid: Sequence[int] = CONTROL_GRID,
        sigma: float = 2.0,
        sigma_frames: float = 2.0,
        seed: int = 0,
    ) -> None:
        self.grid = check_sizes(self.name, "grid", grid, "hw")
        self.sigma = check_number(self.name, "sigma", sigma, above=0)
        self.sigma_frames = check_number(self.name, "sigma_frames", sigma_frames, above=0)
        self.seed = check_seed(self.name, seed)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> MapsOverTime:
        noise = clip_noise(clips, self.grid, seed=self.seed)
        noise = smooth(smooth(noise, self.sigma, dims=(2, 3)), self.sigma_frames, dims=(1,))
        low, high = noise.amin((1, 2, 3), keepdim=True), noise.amax((1, 2, 3), keepdim=True)
        spatial = torch.where(high > low, (noise - low) / (high - low), 0.5)
        return spatial, frame_means(spatial)
