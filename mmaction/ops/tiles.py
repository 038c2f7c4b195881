"""The passes over memory that Winograd's convolution has beside its products: tiles there and back.

F(4, 3) computes four neighbouring outputs of a filter of three taps by six multiplications instead
of twelve (Winograd, Arithmetic Complexity of Computations, 1980; for convolutional networks Lavin &
Gray, arXiv:1509.09308). With the six inputs d around them and the taps g,

    y = Aᵀ[(G·g) ⊙ (Bᵀ·d)]

and, summed over channels, ⊙ becomes six matrix products. Along two axes, each matrix is applied
from both sides: 36 products instead of 144 multiplications for each 4×4 outputs. Here are Bᵀ·d(·B),
G·g(·Gᵀ) and what Aᵀ makes of the products, and for gradients the transposes, all for many tiles and
channels at once: one pass in the compiled kernel, some in plain torch, which does what that is not
made for.

Dimension letters: N pictures of H×W cells, C channels; S tiles of all pictures, in the order of
their rows; Q products of each: 6, or 36 where tiles are wide, as many cells from left to right as
from top to bottom, and not one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mmaction.ops.products import COLUMNS_UNIT, HAS_PRODUCTS, VECTOR_BYTES

try:
    from mmaction.ops import _tiles
except ImportError:
    HAS_TILES = False
else:
    HAS_TILES = HAS_PRODUCTS

PRODUCTS = 6
# Numbers between one product's and the next beyond their count: at a power of two all would fall
# into the same few places of the cache.
_SPREAD = 48
# By the points 0, 1, -1, 1/2, -2 and ∞, which round less than others (Barabasz et al.,
# arXiv:1803.10986).
_G = (
    (1, 0, 0),
    (1 / 3, 1 / 3, 1 / 3),
    (-1 / 3, 1 / 3, -1 / 3),
    (-16 / 15, -8 / 15, -4 / 15),
    (1 / 15, -2 / 15, 4 / 15),
    (0, 0, 1),
)
_B_T = (
    (1, -3 / 2, -2, 3 / 2, 1, 0),
    (0, -1, 1 / 2, 5 / 2, 1, 0),
    (0, 1, -5 / 2, 1 / 2, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 1 / 2, -1, -1 / 2, 1, 0),
    (0, 1, -3 / 2, -2, 3 / 2, 1),
)
_A_T = (
    (1, 1, 1, 1, 1, 0),
    (0, 1, -1, 1 / 2, -2, 0),
    (0, 1, 1, 1 / 4, 4, 0),
    (0, 1, -1, 1 / 8, -8, 1),
)


@dataclass(frozen=True)
class Transform:
    """One of the matrices, and the tiles that it is for.

    Attributes:
        kind: The compiled kernel's number for it.
        matrix: Its rows.
        stride: Cells from one tile to the next.
        before: Cells that the first tile begins before the edge.
    """

    kind: int
    matrix: tuple[tuple[float, ...], ...]
    stride: int
    before: int = 0

    def like(self, x: Tensor) -> Tensor:
        """The matrix in ``x``'s type."""
        return torch.tensor(self.matrix, dtype=x.dtype)


def _transposed(matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    return tuple(zip(*matrix, strict=True))


CELLS = Transform(0, _B_T, stride=4, before=1)
TAPS = Transform(1, _G, stride=3)
REVERSED_TAPS = Transform(2, tuple(row[::-1] for row in _G), stride=3)
SUMS = Transform(3, _A_T, stride=4)
OF_SUMS = Transform(4, _transposed(_A_T), stride=4)
OF_TAPS = Transform(5, _transposed(_G), stride=3)


def computes(x: Tensor, channels: int) -> bool:
    """Whether the compiled kernel takes tiles of so many channels from tensors like ``x``."""
    return HAS_TILES and x.is_cpu and x.dtype == torch.float32 and channels % COLUMNS_UNIT == 0


def count(height: int, width: int, *, stride: int, wide: bool) -> int:
    """Tiles of a picture."""
    return -(-height // stride) * (-(-width // stride) if wide else width)


def empty(like: Tensor, tiles: int, channels: int, *, wide: bool) -> Tensor:
    """Q×S×C of ``like``'s type, uninitialised."""
    step = tiles * channels + _SPREAD
    products = PRODUCTS**2 if wide else PRODUCTS
    shape = (products, tiles, channels)
    return like.new_empty(products * step).as_strided(shape, (step, channels, 1))


def take(pictures: Tensor, transform: Transform, *, wide: bool) -> Tensor:
    """N×H×W×C to Q×S×C.

    Args:
        pictures: Quickest if contiguous, or some channels of what is; of others a copy is made.
            Zeros are taken where a tile lies beyond the edge.
        transform: CELLS, TAPS, REVERSED_TAPS or OF_SUMS.
        wide: Whether tiles are wide.
    """
    number, height, width, channels = pictures.shape
    if not computes(pictures, channels):
        return _take_torch(pictures, transform, wide)
    cell_step = _cell_step(pictures)
    if cell_step is None:
        pictures, cell_step = pictures.contiguous(), channels
    tiles = number * count(height, width, stride=transform.stride, wide=wide)
    products = empty(pictures, tiles, channels, wide=wide)
    _tiles.take(
        pictures.data_ptr(),
        tuple(pictures.shape),
        cell_step,
        products.data_ptr(),
        products.stride(0),
        transform.kind,
        wide,
        transform.stride,
        transform.before,
        torch.get_num_threads(),
        VECTOR_BYTES,
    )
    return products


def give(
    products: Tensor,
    transform: Transform,
    *,
    out: Tensor,
    wide: bool,
    bias: Tensor | None = None,
    other: Tensor | None = None,
    relu: bool = False,
) -> Tensor:
    """Q×S×C to N×H×W×C, one tile beside the other.

    Args:
        products: As ``empty`` makes them.
        transform: SUMS or OF_TAPS; of its cells those beyond the edge are left out.
        out: Contiguous.
        wide: Whether tiles are wide.
        bias: C, contiguous: added to each cell.
        other: Like ``out``: added, too.
        relu: Then cut negatives off.

    Returns:
        ``out``.
    """
    if not computes(out, out.shape[3]):
        return _give_torch(products, transform, out, wide, bias, other, relu)
    _tiles.give(
        products.data_ptr(),
        products.stride(0),
        out.data_ptr(),
        tuple(out.shape),
        transform.kind,
        wide,
        transform.stride,
        0 if bias is None else bias.data_ptr(),
        0 if other is None else other.data_ptr(),
        relu,
        torch.get_num_threads(),
        VECTOR_BYTES,
    )
    return out


def _cell_step(pictures: Tensor) -> int | None:
    """Numbers from a cell to the next, if all lie in their order, each with its channels together.

    Strides of axes of length 1 say nothing.
    """
    _, height, width, channels = pictures.shape
    cells = {2: 1, 1: width, 0: height * width}
    steps = {pictures.stride(axis) / n for axis, n in cells.items() if pictures.shape[axis] > 1}
    if pictures.stride(3) != 1 or len(steps) > 1:
        return None
    step = steps.pop() if steps else float(channels)
    return int(step) if step.is_integer() else None


def _take_torch(pictures: Tensor, transform: Transform, wide: bool) -> Tensor:
    matrix, channels = transform.like(pictures), pictures.shape[3]
    size, numbers = matrix.shape[1], pictures
    for axis in (1, 2) if wide else (1,):
        length = numbers.shape[axis]
        steps = -(-length // transform.stride)
        after = max((steps - 1) * transform.stride + size - transform.before - length, 0)
        padding = [0] * (2 * (numbers.dim() - axis - 1)) + [transform.before, after]
        cells = F.pad(numbers, padding).unfold(axis, size, transform.stride)
        numbers = cells.narrow(axis, 0, steps) @ matrix.t()
    products = numbers.permute(*range(4, numbers.dim()), 0, 1, 2, 3)
    return products.reshape(PRODUCTS**2 if wide else PRODUCTS, -1, channels)


def _give_torch(
    products: Tensor,
    transform: Transform,
    out: Tensor,
    wide: bool,
    bias: Tensor | None,
    other: Tensor | None,
    relu: bool,
) -> Tensor:
    number, height, width, channels = out.shape
    matrix = transform.like(out)
    down = -(-height // len(matrix))
    if wide:
        across = -(-width // len(matrix))
        numbers = products.reshape(PRODUCTS, PRODUCTS, number, down, across, channels)
        cells = torch.einsum("ip,pqnyxc,jq->nyixjc", matrix, numbers, matrix)
    else:
        numbers = products.reshape(PRODUCTS, number, down, width, channels)
        cells = torch.einsum("ip,pnyxc->nyixc", matrix, numbers)
    whole = cells.reshape(number, down * len(matrix), -1, channels)
    out.copy_(whole[:, :height, :width])
    for addend in (bias, other):
        if addend is not None:
            out += addend
    return out.relu_() if relu else out
