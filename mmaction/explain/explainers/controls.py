"""Controls: maps that know nothing of the network; what beats them says something.

All answer with h×w cells as ``grid`` says, and with frame means as temporal weights; the target is
recorded only. Noise belongs to the clip: the same again for the same pixels, in any batch.

Dimension letters: B clips, T frames, h×w cells of a map.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from mmaction.explain.explainers.base import Explainer
from mmaction.explain.explainers.maps import smooth
from mmaction.explain.explainers.options import check_seed, check_sizes
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS

# As fine as the features of a 224² clip.
CONTROL_GRID = (14, 14)
_BLUR = 2.0
_BUMP = 0.25


@EXPLAINERS.register_module(name="random")
class Random(Explainer):
    """Uniform noise, in [0, 1), started by the clip's pixels and ``seed``.

    Args:
        grid: (h, w), cells of the map.
        seed: For other noise.
    """

    name: ClassVar[str] = "random"

    def __init__(self, *, grid: Sequence[int] = CONTROL_GRID, seed: int = 0) -> None:
        self.grid = check_sizes(self.name, "grid", grid, "hw")
        self.seed = check_seed(self.name, seed)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        return clip_noise(clips, self.grid, seed=self.seed)


@EXPLAINERS.register_module(name="blurred_random")
class BlurredRandom(Random):
    """The noise of ``random``, as coarse as an attention map.

    Blurred along h, w and T by a Gaussian of 2 cells and frames (standard deviation) and stretched
    to [0, 1] over the whole clip; ½ everywhere where there is one cell and one frame.
    """

    name: ClassVar[str] = "blurred_random"

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        noise = clip_noise(clips, self.grid, seed=self.seed)
        noise = smooth(noise, _BLUR, dims=(2, 3, 1))
        low, high = noise.amin((1, 2, 3), keepdim=True), noise.amax((1, 2, 3), keepdim=True)
        return torch.where(high > low, (noise - low) / (high - low), 0.5)


@EXPLAINERS.register_module(name="center")
class Center(Explainer):
    """A Gaussian bump, in (0, 1], in the middle of frame and clip, where cameras put what matters.

    spatial(t, y, x) = exp(-(u_t² + u_y² + u_x²) / (2·0.25²)), where u is how far the middle of a
    frame or cell lies from the middle of the clip or frame, as a share of its length: -½ to ½.
    The middle of a frame's edge has e⁻² of its centre's value.

    Args:
        grid: (h, w), cells of the map.
    """

    name: ClassVar[str] = "center"

    def __init__(self, *, grid: Sequence[int] = CONTROL_GRID) -> None:
        self.grid = check_sizes(self.name, "grid", grid, "hw")

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        time, y, x = (self._bump(n, clips.device) for n in (clips.shape[2], *self.grid))
        return (time[:, None, None] * y[:, None] * x).repeat(len(clips), 1, 1, 1)

    def _bump(self, cells: int, device: torch.device) -> Tensor:
        offset = (torch.arange(cells, device=device) + 0.5) / cells - 0.5
        return torch.exp(-0.5 * (offset / _BUMP) ** 2)


def clip_noise(clips: Tensor, grid: tuple[int, ...], *, seed: int) -> Tensor:
    """Uniform noise for each clip, drawn by a generator that its pixels and ``seed`` start.

    Args:
        clips: float, B×3×T×H×W.
        grid: (h, w).
        seed: In ``[0, 2**31)``; another seed gives other noise for the same clip.

    Returns:
        float32 in [0, 1), B×T×h×w, on the clips' device.
    """
    noise = []
    for clip in clips:
        # The generator takes in 32 bits of its seed and no more: as many as the checksum has.
        checksum = zlib.crc32(clip.float().cpu().contiguous().numpy().tobytes(), seed)
        generator = torch.Generator().manual_seed(checksum)
        noise.append(torch.rand(clip.shape[1], *grid, generator=generator))
    return torch.stack(noise).to(clips.device)
