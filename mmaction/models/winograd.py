"""3×1×1, 1×3×3 and 3×3×3 convolutions with a half and a quarter of the multiplications.

Winograd's F(4, 3), as ``ops.tiles`` explains it, over time or over both axes of the frames; six or
36 matrix products are what is left, for each frame that a 3×3×3 kernel sees. In float32 the first
rounds about as oneDNN's convolution does, the second one to six times as much, as that differs by
kernel.

The gradient of the weight is by the transposes of the three steps, in reverse; that of the input is
the convolution with the taps reversed.

Dimension letters: B clips, T frames of H×W cells, C channels in, K channels out. Kernels are D×3×A:
1×3×3, 3×3×3, and 1×3×1, which over time takes a clip as one frame of T×(h·w) cells. S tiles of 4×4
or 4×1 cells of all frames, Q = 36 or 6 products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from mmaction.models.operations import define
from mmaction.ops import tiles
from mmaction.ops.products import COLUMNS_UNIT, multiply

# Tiles at once: what they take stays near the processor, and reading the factors still pays.
_TILES = 512
# With fewer, reading the factors, which are more than the weights, takes longer than is saved.
_FEW_TILES = 16
# Numbers of a weight at once: what they are transformed to is two to four times as many.
_WEIGHTS = 1 << 21


def saves_work(frames: int, height: int, width: int, *, wide: bool) -> bool:
    """Whether it takes clearly less time than the convolution itself, by the work that it saves."""
    of_frame = tiles.count(height, width, stride=tiles.CELLS.stride, wide=wide)
    products, taps = (36, 9) if wide else (6, 3)
    multiplications = products * of_frame / (taps * height * width)
    return multiplications < 0.75 and frames * of_frame >= _FEW_TILES


def factors(weight: Tensor) -> Tensor:
    """What to multiply by, G·g(·Gᵀ) of K×D×3×A×C: D×Q×C×K, in order as products read it."""
    return _transformed(weight, tiles.TAPS).permute(2, 0, 3, 1).contiguous()


def convolve_by_factors(
    x: Tensor,
    factors: Tensor,
    *,
    bias: Tensor | None = None,
    other: Tensor | None = None,
    relu: bool = False,
) -> Tensor:
    """``relu(convolution + bias + other)`` of B×T×H×W×C without gradients, by ``factors``."""
    products, channels = factors.shape[1], factors.shape[3]

    def all_at_once() -> _Parts:
        yield slice(channels), factors.unbind()

    wide, reach = products > tiles.PRODUCTS, len(factors)
    return _sums(x, all_at_once, channels, reach, wide, bias=bias, other=other, relu=relu)


# Some channels of a result, and for each frame that the kernel reaches what to multiply by: Q×C×k.
_Parts = Iterator[tuple[slice, Sequence[Tensor]]]


def _sums(
    x: Tensor,
    parts: Callable[[], _Parts],
    channels: int,
    reach: int,
    wide: bool,
    *,
    bias: Tensor | None = None,
    other: Tensor | None = None,
    relu: bool = False,
) -> Tensor:
    """B×T×H×W×C by the factors of each part of so many channels."""
    y = x.new_empty((*x.shape[:4], channels))
    for some, result, addend in _portions(reach, wide, x, y, other):
        rows = tiles.take(some, tiles.CELLS, wide=wide)
        sums = tiles.empty(x, rows.shape[1], channels, wide=wide)
        for part, by_tap in parts():
            for tap, to, of in _taps(len(some), rows.shape[1], reach):
                onto = tap != reach // 2
                multiply(rows[:, of], by_tap[tap], out=sums[:, to, part], onto=onto)
        tiles.give(sums, tiles.SUMS, out=result, wide=wide, bias=bias, other=addend, relu=relu)
    return y


def _convolve(x: Tensor, weight: Tensor) -> Tensor:
    channels, reach = weight.shape[:2]

    def parts() -> _Parts:
        for part in _weight_parts(channels, weight[0]):
            yield part, _transformed(weight[part], tiles.TAPS).permute(2, 0, 3, 1).unbind()

    return _sums(x, parts, channels, reach, _is_wide(weight))


def _gradient_of_input(of_y: Tensor, weight: Tensor) -> Tensor:
    reach, channels = weight.shape[1], weight.shape[4]

    def parts() -> _Parts:
        for part in _weight_parts(channels, weight[..., 0]):
            yield part, _transformed(weight[..., part], tiles.REVERSED_TAPS).unbind(2)[::-1]

    return _sums(of_y, parts, channels, reach, _is_wide(weight))


def _is_wide(weight: Tensor) -> bool:
    return weight.shape[3] > 1


def _transformed(weight: Tensor, transform: tiles.Transform) -> Tensor:
    """G·g(·Gᵀ) of K×D×3×A×C: Q×K×D×C."""
    taps = tiles.take(weight.flatten(0, 1), transform, wide=_is_wide(weight))
    return taps.unflatten(1, weight.shape[:2])


def _taps(frames: int, rows: int, reach: int) -> Iterator[tuple[int, slice, slice]]:
    """Of each frame that a kernel reaches, its own first: its number, and the rows it goes to and
    comes from. There is nothing beyond the ends of a clip.
    """
    of_frame = rows // frames
    for tap in sorted(range(reach), key=lambda tap: abs(tap - reach // 2)):
        shift = tap - reach // 2
        first, last = max(0, -shift), frames - max(0, shift)
        if first < last:
            to = slice(first * of_frame, last * of_frame)
            yield tap, to, slice(to.start + shift * of_frame, to.stop + shift * of_frame)


def _portions(reach: int, wide: bool, *clips: Tensor | None) -> Iterator[tuple[Any, ...]]:
    """Frames that are convolved together, of each of B×T×H×W×…: a clip where a kernel reaches over
    several, else as many as are quickest.
    """
    given = next(x for x in clips if x is not None)
    number, frames, height, width, _ = given.shape
    together = frames
    if reach == 1:
        together = max(
            1, _TILES // tiles.count(height, width, stride=tiles.CELLS.stride, wide=wide)
        )
    pictures = [None if x is None else x.flatten(0, 1) for x in clips]
    for first in range(0, number * frames, together):
        yield tuple(None if x is None else x[first : first + together] for x in pictures)


def _weight_parts(channels: int, of_channel: Tensor) -> Iterator[slice]:
    """Channels of a weight, of which each has so many numbers, that are transformed together."""
    unit = COLUMNS_UNIT
    part = unit * max(1, _WEIGHTS // (of_channel.numel() * unit))
    for first in range(0, channels, part):
        yield slice(first, first + part)


def _gradient_of_weight(of_y: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    reach, wide = weight.shape[1], _is_wide(weight)
    portions = [
        (
            len(of_cells),
            tiles.take(of_cells, tiles.OF_SUMS, wide=wide).transpose(1, 2),
            tiles.take(cells, tiles.CELLS, wide=wide),
        )
        for of_cells, cells in _portions(reach, wide, of_y, x)
    ]
    gradient = x.new_empty(weight.shape)
    for part in _weight_parts(len(weight), weight[0]):
        some = gradient[part].flatten(0, 1)
        of_taps = tiles.empty(x, len(some), weight.shape[4], wide=wide)
        by_tap = of_taps.unflatten(1, (-1, reach))
        seen: set[int] = set()
        for frames, of_sums, rows in portions:
            for tap, to, of in _taps(frames, rows.shape[1], reach):
                multiply(of_sums[:, part, to], rows[:, of], out=by_tap[:, :, tap], onto=tap in seen)
                seen.add(tap)
        for tap in set(range(reach)) - seen:  # of clips of one frame
            by_tap[:, :, tap] = 0
        tiles.give(of_taps, tiles.OF_TAPS, out=some, wide=wide)
    return gradient


# B×T×H×W×C with K×D×3×A×C, zeros beyond the edges: B×T×H×W×K, of float32 or float64 on the CPU.
convolve = define(
    "convolve",
    _convolve,
    shape=lambda x, weight: (*x[:4], weight[0]),
    of_input=_gradient_of_input,
    of_weight=_gradient_of_weight,
    macs=lambda x, weight: prod(x[:4]) * prod(weight),
)
# The operation as dispatchers see it.
OPERATION = torch.ops.mmaction.convolve.default
