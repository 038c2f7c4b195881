"""3D convolutions computed the fast way for their kernel.

Dimension letters: B clips, C channels in, K channels out, T frames, H×W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmaction.models import pointwise, winograd
from mmaction.ops import products, tiles

# With fewer channels, in or out, the library's own convolution is as fast as matrix products; of
# 1×1×1 kernels, with products of the library's, its backward pass is the slower part.
WIDE, WIDE_WITHOUT_GRADIENTS = 64, 256
# Kernels and their paddings.
_THREE_BY_THREE = (((1, 3, 3), (0, 1, 1)), ((3, 3, 3), (1, 1, 1)))


@dataclass(frozen=True)
class _ByProducts:
    """A way that convolves by matrix products.

    Attributes:
        cells: B×T×H×W×C to what it reads.
        taps: A weight K×C×t×h×w to the taps that it reads.
        convolve: An operation with gradients, of both.
        factors: What to multiply by, of taps; made once where a weight stays as it is.
        finish: The operation by factors, without gradients: with a bias, another tensor to be
            added and a ReLU.
    """

    cells: Callable[[Tensor], Tensor]
    taps: Callable[[Tensor], Tensor]
    convolve: Callable[[Tensor, Tensor], Tensor]
    factors: Callable[[Tensor], Tensor]
    finish: Callable[..., Tensor]


_WITHIN_PIXELS = _ByProducts(
    cells=lambda x: x.flatten(0, 3),
    taps=lambda weight: weight.flatten(1),
    convolve=pointwise.convolve_cells,
    factors=lambda taps: taps.t().contiguous(),
    finish=pointwise.multiply_cells,
)
_OVER_TIME = _ByProducts(
    cells=lambda x: x.flatten(2, 3).unsqueeze(1),
    taps=lambda weight: weight.permute(0, 2, 3, 4, 1).transpose(1, 2),
    convolve=winograd.convolve,
    factors=winograd.factors,
    finish=winograd.convolve_by_factors,
)
_OVER_FRAMES = _ByProducts(
    cells=lambda x: x,
    taps=lambda weight: weight.permute(0, 2, 3, 4, 1),
    convolve=winograd.convolve,
    factors=winograd.factors,
    finish=winograd.convolve_by_factors,
)


class FastConv3d(nn.Conv3d):
    """``nn.Conv3d`` with faster ways for flat kernels: same weights, same numbers up to rounding.

    With the channels innermost (``torch.channels_last_3d``),

    - on CPUs in float32, where there are many channels, 1×1×1 kernels are matrix products, and with
      the compiled ones 3×1×1, 1×3×3 and 3×3×3 kernels of stride 1 are products of a half, a quarter
      and a quarter of the work (``models.winograd``);
    - others are 2D convolutions, which libraries are best at, as views of the same memory, while
      no gradients are computed: 1×k×k of B·T pictures, k×1×1 of B pictures of T×(H·W).

    Other kernels and layouts stay what they are. The weights lie in that layout too, or every call
    would rearrange them; a ``state_dict`` stays as it was.

    Attributes:
        fast: False makes it a plain ``nn.Conv3d``; see ``set_fast``.
    """

    fast: bool = True
    _factors: Tensor | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        set_fast(self, True)

    def forward(self, input: Tensor) -> Tensor:
        return self.convolve(input, self.weight, self.bias)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """B×C×T×H×W by kernels of this layer's shape, whatever their number."""
        if self.fast and self._is_plain and x.is_contiguous(memory_format=torch.channels_last_3d):
            way = self._products(x, weight)
            if way is not None:
                cells = self._cells(x)
                y = _clips(way.convolve(way.cells(cells), way.taps(weight)), cells)
                return y if bias is None else y.add_(bias[:, None, None, None])
            if not torch.is_grad_enabled():
                if self._within_frames:
                    return self._over_frames(x, weight, bias)
                if self._across_frames:
                    return self._over_pixels(x, weight, bias)
        return self._conv_forward(x, weight, bias)

    def infer(self, x: Tensor, *, other: Tensor | None = None, relu: bool = False) -> Tensor:
        """``relu(conv(x) + other)`` without gradients; in one pass over memory where it can be.

        Args:
            x: B×C×T×H×W.
            other: Like the result.
        """
        way = None
        if self._factors is not None and x.is_contiguous(memory_format=torch.channels_last_3d):
            way = self._products(x, self.weight)
        if way is None:
            y = self(x)
            if other is not None:
                y += other
            return y.relu_() if relu else y
        cells = self._cells(x)
        if other is not None:
            other = other.contiguous(memory_format=torch.channels_last_3d)
            other = way.cells(_channels_innermost(other))
        y = way.finish(way.cells(cells), self._factors, bias=self.bias, other=other, relu=relu)
        return _clips(y, cells)

    @torch.no_grad()
    def keep_factors(self) -> None:
        """Makes what products multiply by once for all calls of ``infer``, where they are the fast
        way: the weight must not change, nor get gradients. Takes one to four times its memory.
        """
        way = self._kernels_way(self.weight) if self.fast and self._is_plain else None
        if way is not None and _multiplies(self.weight, self.weight):
            self._factors = way.factors(way.taps(self.weight))

    def _products(self, x: Tensor, weight: Tensor) -> _ByProducts | None:
        """The way for ``x`` by matrix products, if that is the fast one."""
        if not _multiplies(x, weight):
            return None
        way = self._kernels_way(weight)
        # Of one clip: its numbers must not depend on how many others are with it.
        frames, height, width = x.shape[2:]
        if way is _OVER_TIME and not winograd.saves_work(1, frames, height * width, wide=False):
            return None
        if way is _OVER_FRAMES and not winograd.saves_work(frames, height, width, wide=True):
            return None
        return way

    def _kernels_way(self, weight: Tensor) -> _ByProducts | None:
        """The way by matrix products for a kernel like this layer's, if there is one."""
        out_channels, in_channels = weight.shape[:2]
        if self.kernel_size == (1, 1, 1):
            wide = torch.is_grad_enabled() or min(weight.shape[:2]) >= WIDE_WITHOUT_GRADIENTS
            fast = wide or products.computes(weight, out_channels)
            return _WITHIN_PIXELS if self.padding == (0, 0, 0) and fast else None
        if (self.stride, self.dilation) != ((1, 1, 1), (1, 1, 1)):
            return None
        if not (tiles.computes(weight, out_channels) and tiles.computes(weight, in_channels)):
            return None
        if (self.kernel_size, self.padding) == ((3, 1, 1), (1, 0, 0)):
            return _OVER_TIME
        if (self.kernel_size, self.padding) in _THREE_BY_THREE:
            return _OVER_FRAMES
        return None

    def _cells(self, x: Tensor) -> Tensor:
        """B×T×H×W×C; of a 1×1×1 kernel only those that it reads."""
        cells = _channels_innermost(x)
        return cells[:, :: self.stride[0], :: self.stride[1], :: self.stride[2]]

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


def _channels_innermost(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 4, 1)


def _clips(y: Tensor, cells: Tensor) -> Tensor:
    """What a way made of B×T×H×W×C cells, as B×K×T×H×W."""
    return y.view(*cells.shape[:4], y.shape[-1]).permute(0, 4, 1, 2, 3)


def _multiplies(x: Tensor, weight: Tensor) -> bool:
    """Whether matrix products are the fast way: elsewhere libraries have better of their own."""
    plain = x.is_cpu and x.dtype == weight.dtype == torch.float32
    return plain and min(weight.shape[:2]) >= WIDE and not torch.is_autocast_enabled("cpu")


def set_fast(model: nn.Module, fast: bool) -> None:
    """Says of every ``FastConv3d`` below ``model`` whether it may leave the plain way."""
    for module in model.modules():
        if isinstance(module, FastConv3d):
            layout = torch.channels_last_3d if fast else torch.contiguous_format
            module.weight.data = module.weight.data.contiguous(memory_format=layout)
            module.fast = fast
