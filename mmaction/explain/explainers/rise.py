"""RISE for video: random masks in space and time, weighed by what the model says behind them.

Dimension letters: B clips, N masks, T frames, H×W pixels, t×h×w cells of the coarse masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from mmaction.explain.explainers.base import Explainer
from mmaction.explain.explainers.options import check, check_count, check_seed, check_sizes
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS


@EXPLAINERS.register_module(name="rise")
class RISE(Explainer):
    """RISE (Petsiuk et al., BMVC 2018, arXiv:1806.07421) with masks in space and time.

    A mask starts as t×h×w cells, each 1 with probability ``keep`` and else 0, is enlarged
    trilinearly to (t+1)·C_t × (h+1)·C_h × (w+1)·C_w, where a cell has C frames or pixels, and cut
    to the clip at a random offset. What a mask hides is the mean colour (zero after
    normalisation). With p(M) the target's
    probability behind mask M:
        map = Σ_M p(M)·M / Σ_M M
    The paper divides by the masks' expected sum, N·keep; dividing by the sum of those drawn gives
    the same in the limit, and earlier a map that is the same everywhere where p is.

    The masks depend on ``seed`` and the clips' size only: a clip's map is the same alone and in any
    batch.

    Spatial: in [0, 1], the mean probability of the masks that show the pixel; as fine as the clip,
    H×W. It has no zero of its own: where nothing matters it is the mean over all masks, so compare
    cells and don't sum mass. Temporal: its frame means.

    Args:
        masks: N. The map's noise falls with 1/√N; each mask costs a forward pass of each clip.
        grid: (t, h, w), cells of the coarse masks; 1 does not divide that axis at all.
        keep: Probability that a cell is shown.
        seed: Starts the masks' own generator.
        batch_size: Clips in one forward pass, at least B.
    """

    name: ClassVar[str] = "rise"

    def __init__(
        self,
        *,
        masks: int = 512,
        grid: Sequence[int] = (4, 7, 7),
        keep: float = 0.5,
        seed: int = 0,
        batch_size: int = 16,
    ) -> None:
        self.masks = check_count(self.name, "masks", masks)
        self.grid = check_sizes(self.name, "grid", grid, "thw")
        fits = isinstance(keep, float) and 0 < keep < 1
        expected = "a number above 0 and below 1"
        self.keep = check(self.name, "keep", keep, fits=fits, expected=expected)
        self.seed = check_seed(self.name, seed)
        self.batch_size = check_count(self.name, "batch_size", batch_size)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        size = tuple(clips.shape[2:])
        weighed = clips.new_zeros(len(clips), *size)
        shown = clips.new_zeros(size)
        chunk = max(1, self.batch_size // len(clips))
        for masks in self._draw(size, chunk=chunk, device=clips.device):
            masks = masks.to(clips.dtype)
            blended = clips[:, None] * masks[None, :, None]
            probabilities = model.probabilities(model(blended.flatten(0, 1)).scores)
            of_mask = target.repeat_interleave(len(masks))[:, None]
            weights = probabilities.gather(1, of_mask).view(len(clips), len(masks))
            weighed += torch.einsum("bn,nthw->bthw", weights, masks)
            shown += masks.sum(dim=0)
        # A pixel that no mask shows has nothing said of it.
        return torch.where(shown > 0, weighed / shown, 0)

    def _draw(self, size: tuple[int, ...], *, chunk: int, device: torch.device) -> Iterator[Tensor]:
        """The masks, float32 in [0, 1], n×T×H×W with n up to ``chunk``."""
        generator = torch.Generator().manual_seed(self.seed)
        for start in range(0, self.masks, chunk):
            count = min(chunk, self.masks - start)
            yield torch.stack([self._mask(size, generator, device) for _ in range(count)])

    def _mask(
        self, size: tuple[int, ...], generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """One mask, float32 in [0, 1], T×H×W."""
        # Drawn on the CPU: the same masks on every device.
        cells = (torch.rand(self.grid, generator=generator) < self.keep).float().to(device)
        # Rounded up, so that what is enlarged covers the clip at every offset.
        cell = [-(-s // g) for s, g in zip(size, self.grid, strict=True)]
        offset = [int(torch.randint(c, (), generator=generator)) for c in cell]
        enlarged = F.interpolate(
            cells[None, None],
            size=[(g + 1) * c for g, c in zip(self.grid, cell, strict=True)],
            mode="trilinear",
            align_corners=False,
        )[0, 0]
        return enlarged[tuple(slice(o, o + s) for o, s in zip(offset, size, strict=True))]
