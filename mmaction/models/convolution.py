"""3D convolutions computed the fast way for their kernel.

Dimension letters: B clips, C channels in, K channels out, T frames, H×W pixels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmaction.models import winograd

# With fewer channels, in or out, the library's own convolution is as fast as matrix products; of
# 1×1×1 kernels its backward pass is the slower part.
WIDE, WIDE_WITHOUT_GRADIENTS = 64, 256


class FastConv3d(nn.Conv3d):
    """``nn.Conv3d`` with faster ways for flat kernels: same weights, same numbers up to rounding.

    With the channels innermost (``torch.channels_last_3d``),

    - 1×1×1 kernels are matrix products, and 3×1×1 ones six of half the work (``models.winograd``):
      on CPUs in float32, where there are many channels;
    - others are 2D convolutions, which libraries are best at, as views of the same memory, while
      no gradients are computed: 1×k×k of B·T pictures, k×1×1 of B pictures of T×(H·W).

    Other kernels and layouts stay what they are. The weights lie in that layout too, or every call
    would rearrange them; a ``state_dict`` stays as it was.

    Attributes:
        fast: False makes it a plain ``nn.Conv3d``; see ``set_fast``.
    """

    fast: bool = True
    _transformed: Tensor | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        set_fast(self, True)

    def forward(self, input: Tensor) -> Tensor:
        return self.convolve(input, self.weight, self.bias)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """B×C×T×H×W by kernels of this layer's shape, whatever their number."""
        fast = self.fast and self._is_plain
        if fast and x.is_contiguous(memory_format=torch.channels_last_3d):
            if _multiplies(x, weight):
                if self._within_pixels and _is_wide(weight):
                    return self._as_product(x, weight, bias)
                if self._three_frames and winograd.saves_work(x.shape[2]):
                    return self._by_winograd(x, weight, bias)
            if not torch.is_grad_enabled():
                if self._within_frames:
                    return self._over_frames(x, weight, bias)
                if self._across_frames:
                    return self._over_pixels(x, weight, bias)
        return self._conv_forward(x, weight, bias)

    @property
    def _is_plain(self) -> bool:
        return self.groups == 1 and self.padding_mode == "zeros" and self.padding != "same"

    @property
    def _within_pixels(self) -> bool:
        return self.kernel_size == (1, 1, 1) and self.padding == (0, 0, 0)

    @property
    def _three_frames(self) -> bool:
        settings = (self.kernel_size, self.stride, self.padding, self.dilation)
        return settings == ((3, 1, 1), (1, 1, 1), (1, 0, 0), (1, 1, 1))

    @property
    def _within_frames(self) -> bool:
        return self.kernel_size[0] == 1 and self.stride[0] == 1 and self.padding[0] == 0

    @property
    def _across_frames(self) -> bool:
        flat = (self.kernel_size[1:], self.stride[1:], self.padding[1:])
        return flat == ((1, 1), (1, 1), (0, 0))

    def _as_product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        pixels = x.permute(0, 2, 3, 4, 1)
        pixels = pixels[:, :: self.stride[0], :: self.stride[1], :: self.stride[2]]
        y = F.linear(pixels.flatten(0, 3), weight.flatten(1), bias)
        return y.view(*pixels.shape[:4], -1).permute(0, 4, 1, 2, 3)

    def _by_winograd(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        pixels = x.permute(0, 2, 3, 4, 1)
        rows, taps = pixels.flatten(2, 3), weight.flatten(2).transpose(1, 2)
        if self._transformed is not None and weight is self.weight:
            y = winograd.convolve_transformed(rows, self._transformed)
        else:
            y = winograd.convolve_over_time(rows, taps)
        y = y.view(*pixels.shape[:4], -1).permute(0, 4, 1, 2, 3)
        return y if bias is None else y.add_(bias[:, None, None, None])

    def keep_transformed(self) -> None:
        """Transforms the weight once for all calls, where they want it so: it must not change, nor
        get gradients.
        """
        fast = self.fast and self._is_plain and _multiplies(self.weight, self.weight)
        if fast and self._three_frames:
            self._transformed = winograd.transform(self.weight.flatten(2).transpose(1, 2))

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


def _multiplies(x: Tensor, weight: Tensor) -> bool:
    """Whether matrix products are the fast way: elsewhere libraries have better of their own."""
    plain = x.is_cpu and x.dtype == weight.dtype == torch.float32
    return plain and min(weight.shape[:2]) >= WIDE and not torch.is_autocast_enabled("cpu")


def _is_wide(weight: Tensor) -> bool:
    """Whether a 1×1×1 kernel is wide enough to be a matrix product."""
    return torch.is_grad_enabled() or min(weight.shape[:2]) >= WIDE_WITHOUT_GRADIENTS


def set_fast(model: nn.Module, fast: bool) -> None:
    """Says of every ``FastConv3d`` below ``model`` whether it may leave the plain way."""
    for module in model.modules():
        if isinstance(module, FastConv3d):
            layout = torch.channels_last_3d if fast else torch.contiguous_format
            module.weight.data = module.weight.data.contiguous(memory_format=layout)
            module.fast = fast
