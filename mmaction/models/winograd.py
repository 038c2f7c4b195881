"""3×1×1 and 1×3×3 convolutions with a half and a quarter of the multiplications: Winograd's way.

F(4, 3), as ``ops.tiles`` explains it; six or 36 matrix products are what is left. In float32 the
first rounds about as oneDNN's convolution does, the second one to six times as much, as that
differs by kernel.

The gradient of the weight is by the transposes of the three steps, in reverse; that of the input is
the convolution with the taps reversed.

Dimension letters: N pictures of H×W cells, C channels in, K channels out. Kernels are 3×A, A of 1
or 3: over time, a clip is a picture of T×(h·w) cells. S tiles of 4×1 or 4×4 cells, Q = 6 or 36
products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from mmaction.ops import tiles
from mmaction.ops.products import COLUMNS_UNIT, multiply

# Tiles at once: what they take stays near the processor, and reading the factors still pays.
_TILES = 512
# Numbers of a weight at once: what they are transformed to, two to four times as many, is read from
# cache by the products.
_WEIGHTS = 1 << 19
# With fewer tiles, reading the factors, which are more than the weights, takes longer than is
# saved.
_FEW_TILES = 16


def saves_work(pictures: int, height: int, width: int, *, wide: bool) -> bool:
    """Whether it takes clearly less time than the convolution itself, by the work that it saves."""
    of_picture = tiles.count(height, width, stride=tiles.CELLS.stride, wide=wide)
    products, taps = (36, 9) if wide else (6, 3)
    multiplications = products * of_picture / (taps * height * width)
    return multiplications < 0.75 and pictures * of_picture >= _FEW_TILES


def factors(weight: Tensor) -> Tensor:
    """What to multiply by, G·g(·Gᵀ) of K×3×A×C: Q×C×K, in memory as products read it quickest."""
    return _transformed(weight).transpose(1, 2).contiguous()


def convolve_by_factors(
    x: Tensor,
    factors: Tensor,
    *,
    bias: Tensor | None = None,
    other: Tensor | None = None,
    relu: bool = False,
) -> Tensor:
    """``relu(convolution + bias + other)`` of N×H×W×C without gradients, by Q×C×K ``factors``."""
    wide = len(factors) > tiles.PRODUCTS
    y = x.new_empty((*x.shape[:3], factors.shape[2]))
    for some in _portions(x, wide):
        rows = _rows(x[some], wide)
        products = multiply(rows, factors, out=_empty(rows, y.shape[3]))
        addend = None if other is None else other[some]
        tiles.give(products, tiles.SUMS, out=y[some], wide=wide, bias=bias, other=addend, relu=relu)
    return y


@torch.library.custom_op("mmaction::convolve", mutates_args=())
def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """Convolves N×H×W×C with K×3×A×C, zeros beyond the edges: N×H×W×K.

    Args:
        x: float32 or float64, contiguous, on the CPU.
        weight: Of the same type.
    """
    wide = weight.shape[2] > 1
    y = x.new_empty((*x.shape[:3], len(weight)))
    for some in _portions(x, wide):
        rows = _rows(x[some], wide)
        products = _empty(rows, len(weight))
        for part in _weight_parts(len(weight), weight[0]):
            by = _transformed(weight[part]).transpose(1, 2)
            multiply(rows, by, out=products[:, :, part])
        tiles.give(products, tiles.SUMS, out=y[some], wide=wide)
    return y


def _transformed(weight: Tensor) -> Tensor:
    """G·g(·Gᵀ) of K×3×A×C: Q×K×C."""
    return tiles.take(weight, tiles.TAPS, wide=weight.shape[2] > 1)


def _rows(x: Tensor, wide: bool) -> Tensor:
    """Bᵀ·d(·B) of N×H×W×C: the rows Q×S×C of the products."""
    return tiles.take(x, tiles.CELLS, wide=wide)


def _empty(rows: Tensor, channels: int) -> Tensor:
    """For the products of rows."""
    products, number, _ = rows.shape
    return tiles.empty(rows, number, channels, wide=products > tiles.PRODUCTS)


def _portions(x: Tensor, wide: bool) -> Iterator[slice]:
    """Pictures that are convolved together."""
    return _parts(
        len(x), tiles.count(*x.shape[1:3], stride=tiles.CELLS.stride, wide=wide), _TILES, unit=1
    )


def _parts(whole: int, weight: int, most: int, unit: int) -> Iterator[slice]:
    """Parts of ``whole``, in units, each of which weighs no more than ``most`` where one unit
    does."""
    part = unit * max(1, most // (weight * unit))
    for first in range(0, whole, part):
        yield slice(first, first + part)


def _weight_parts(channels: int, of_channel: Tensor) -> Iterator[slice]:
    """Channels of a weight, of which each has so many numbers, that are transformed together."""
    return _parts(channels, of_channel.numel(), _WEIGHTS, unit=COLUMNS_UNIT)


@convolve.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty((*x.shape[:3], weight.shape[0]))


@torch.library.custom_op("mmaction::convolve_backward", mutates_args=())
def _convolve_backward(
    of_y: Tensor, x: Tensor, weight: Tensor, for_x: bool, for_weight: bool
) -> tuple[Tensor, Tensor]:
    """What is not asked for is empty."""
    nothing = x.new_empty(0)
    return (
        _gradient_of_input(of_y, weight) if for_x else nothing,
        _gradient_of_weight(of_y, x, weight) if for_weight else nothing.clone(),
    )


def _gradient_of_input(of_y: Tensor, weight: Tensor) -> Tensor:
    wide, channels = weight.shape[2] > 1, weight.shape[3]
    of_x = of_y.new_empty((*of_y.shape[:3], channels))
    for some in _portions(of_y, wide):
        rows = _rows(of_y[some], wide)
        products = _empty(rows, channels)
        for part in _weight_parts(channels, weight[..., 0]):
            by = tiles.take(weight[..., part], tiles.REVERSED_TAPS, wide=wide)
            multiply(rows, by, out=products[:, :, part])
        tiles.give(products, tiles.SUMS, out=of_x[some], wide=wide)
    return of_x


def _gradient_of_weight(of_y: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    wide = weight.shape[2] > 1
    gradient = x.new_empty(weight.shape)
    portions = list(_portions(x, wide))
    rows = [_rows(x[some], wide) for some in portions]
    of_products = [tiles.take(of_y[some], tiles.OF_SUMS, wide=wide) for some in portions]
    for part in _weight_parts(len(weight), weight[0]):
        of_factors = tiles.empty(x, *gradient[part, 0, 0].shape, wide=wide)
        for i, (row, of_product) in enumerate(zip(rows, of_products, strict=True)):
            of_part = of_product[:, :, part].transpose(1, 2)
            multiply(of_part, row, out=of_factors, onto=i > 0)
        tiles.give(of_factors, tiles.OF_TAPS, out=gradient[part], wide=wide)
    return gradient


@_convolve_backward.register_fake
def _(
    of_y: Tensor, x: Tensor, weight: Tensor, for_x: bool, for_weight: bool
) -> tuple[Tensor, Tensor]:
    return (
        x.new_empty(x.shape if for_x else 0),
        weight.new_empty(weight.shape if for_weight else 0),
    )


def _keep_inputs(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    # Neither rows nor factors: they are larger, and quickly made anew.
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
    for_x, for_weight = ctx.needs_input_grad
    of_x, of_weight = _convolve_backward(
        gradient.contiguous(), *ctx.saved_tensors, for_x, for_weight
    )
    return of_x if for_x else None, of_weight if for_weight else None


convolve.register_autograd(_backward, setup_context=_keep_inputs)

# The operation as dispatchers see it.
OPERATION = torch.ops.mmaction.convolve.default


@register_flop_formula(torch.ops.mmaction.convolve)
def _operations(x: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
    """Of the convolution it stands for, as torch's counter has them of others."""
    return 2 * prod(x[:3]) * prod(weight)
