"""3D convolutions computed as 2D ones wherever the kernel allows.

Dimension letters: B clips, C channels, T frames, H×W pixels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FoldedConv3d(nn.Conv3d):
    """``nn.Conv3d``, which hands flat kernels to 2D convolutions: same weights, same numbers.

    A 1×k×k kernel never looks at another frame: it is a 2D convolution of B·T pictures. A k×1×1
    kernel never looks at another pixel: it is a 2D convolution of B pictures of T×(H·W). With the
    channels innermost (``torch.channels_last_3d``) both are views of the same memory, and 2D
    convolutions are what libraries are best at. Other kernels and layouts stay 3D. The weights lie
    in that layout too, or every call would rearrange them; a ``state_dict`` stays as it was.

    Attributes:
        fold: False makes it a plain ``nn.Conv3d``; see ``set_folding``.
    """

    fold: bool = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        set_folding(self, True)

    def forward(self, input: Tensor) -> Tensor:
        return self.convolve(input, self.weight, self.bias)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """B×C×T×H×W by kernels of this layer's shape, whatever their number."""
        folds = self.fold and not torch.is_grad_enabled() and self._is_plain
        if folds and x.is_contiguous(memory_format=torch.channels_last_3d):
            if self._within_frames:
                return self._over_frames(x, weight, bias)
            if self._across_frames:
                return self._over_pixels(x, weight, bias)
        return self._conv_forward(x, weight, bias)

    @property
    def _is_plain(self) -> bool:
        return self.groups == 1 and self.padding_mode == "zeros" and self.padding != "same"

    @property
    def _within_frames(self) -> bool:
        return self.kernel_size[0] == 1 and self.stride[0] == 1 and self.padding[0] == 0

    @property
    def _across_frames(self) -> bool:
        flat = (self.kernel_size[1:], self.stride[1:], self.padding[1:])
        return flat == ((1, 1), (1, 1), (0, 0))

    def _over_frames(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        clips, _, frames = x.shape[:3]
        pictures = x.transpose(1, 2).flatten(0, 1)
        y = F.conv2d(
            pictures,
            weight.squeeze(2),
            bias,
            self.stride[1:],
            self.padding[1:],
            self.dilation[1:],
        )
        return y.unflatten(0, (clips, frames)).transpose(1, 2)

    def _over_pixels(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # By way of B·T×(H·W)×C, so that the strides say channels-last even where B is 1.
        rows = x.permute(0, 2, 3, 4, 1).flatten(0, 1).flatten(1, 2)
        pictures = rows.unflatten(0, (x.shape[0], x.shape[2])).permute(0, 3, 1, 2)
        y = F.conv2d(
            pictures,
            weight.squeeze(4),
            bias,
            (self.stride[0], 1),
            (self.padding[0], 0),  # type: ignore[arg-type]
            (self.dilation[0], 1),
        )
        return y.unflatten(3, x.shape[3:])


def set_folding(model: nn.Module, fold: bool) -> None:
    """Says of every ``FoldedConv3d`` below ``model`` whether it may run as a 2D convolution."""
    for module in model.modules():
        if isinstance(module, FoldedConv3d):
            layout = torch.channels_last_3d if fold else torch.contiguous_format
            module.weight.data = module.weight.data.contiguous(memory_format=layout)
            module.fold = fold
