"""3×1×1 convolutions with half the multiplications: Winograd's minimal filtering F(4, 3).

Four neighbouring outputs of a filter of three taps take twelve multiplications; six are enough
(Winograd, Arithmetic Complexity of Computations, 1980; for convolutional networks Lavin & Gray,
arXiv:1509.09308). With the six frames d around them and the taps g,

    y = Aᵀ[(G·g) ⊙ (Bᵀ·d)]

and summed over channels, ⊙ becomes six matrix products. In float32 it rounds about as oneDNN's
convolution does, and two to three times as much as one matrix product of all taps and channels;
3×3 kernels filtered along both of their axes would do worse.

Dimension letters: B clips, T frames, N cells of a frame, C channels in, K channels out, P = 6
products, S = ⌈T/4⌉ steps of four frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

TAPS = 3
STEP = 4  # outputs at once
PRODUCTS = STEP + TAPS - 1
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


def saves_work(frames: int) -> bool:
    """Whether it takes fewer multiplications than the convolution itself: not for T of 1 and 2."""
    return PRODUCTS * -(-frames // STEP) < TAPS * frames


def convolve_transformed(x: Tensor, transformed: Tensor) -> Tensor:
    """``convolve_over_time`` without gradients, by what ``transform`` made of the weight."""
    to_products, to_frames = _transforms(x.shape[1], x.dtype)
    factors = transformed.permute(1, 2, 0)
    y = x.new_empty((*x.shape[:3], len(transformed)))
    # A clip at a time: what the products read and write stays small, and lies as they need it.
    for clip, result in zip(x, y, strict=True):
        products = torch.bmm(_rows(clip, to_products), factors)
        _combine(to_frames, products, out=result)
    return y


def transform(weight: Tensor) -> Tensor:
    """G·g of K×3×C: K×P×C."""
    return _taps_to_products(weight.dtype) @ weight


@cache
def _transforms(frames: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Bᵀ for all steps, P·S×T, and Aᵀ, T×P·S; what lies beyond the ends is left out of them."""
    steps = -(-frames // STEP)
    to_products = torch.zeros(PRODUCTS, steps, frames, dtype=dtype)
    to_frames = torch.zeros(frames, PRODUCTS, steps, dtype=dtype)
    for step in range(steps):
        for i in range(PRODUCTS):
            frame = STEP * step + i - TAPS // 2
            if 0 <= frame < frames:
                to_products[:, step, frame] = torch.tensor([row[i] for row in _B_T], dtype=dtype)
        for i in range(min(STEP, frames - STEP * step)):
            to_frames[STEP * step + i, :, step] = torch.tensor(_A_T[i], dtype=dtype)
    return to_products.flatten(0, 1), to_frames.flatten(1)


def _taps_to_products(dtype: torch.dtype) -> Tensor:
    return torch.tensor(_G, dtype=dtype)


@torch.library.custom_op("mmaction::convolve_over_time", mutates_args=())
def convolve_over_time(x: Tensor, weight: Tensor) -> Tensor:
    """Convolves B×T×N×C with K×3×C over T, zeros beyond both ends: B×T×N×K.

    Args:
        x: float32 or float64, contiguous, on the CPU.
        weight: Of the same type.
    """
    return convolve_transformed(x, transform(weight))


def _rows(clip: Tensor, matrix: Tensor) -> Tensor:
    """T×N×C by P·S×T to P×(S·N)×C: the rows of the six matrix products."""
    return (matrix @ clip.flatten(1)).view(PRODUCTS, -1, clip.shape[2])


def _combine(matrix: Tensor, products: Tensor, *, out: Tensor) -> None:
    """P×(S·N)×K by T×P·S into ``out``, T×N×K."""
    torch.mm(matrix, products.view(matrix.shape[1], -1), out=out.view(len(out), -1))


@convolve_over_time.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty((*x.shape[:3], weight.shape[0]))


@torch.library.custom_op("mmaction::convolve_over_time_backward", mutates_args=())
def _convolve_backward(
    of_y: Tensor, x: Tensor, weight: Tensor, for_x: bool, for_weight: bool
) -> tuple[Tensor, Tensor]:
    """What is not asked for is empty."""
    nothing = x.new_empty(0)
    return (
        _gradient_of_input(of_y, x, weight) if for_x else nothing,
        _gradient_of_weight(of_y, x, weight) if for_weight else nothing.clone(),
    )


# Both: the transposes of the three steps, in reverse. One after the other, as transformed weights
# are large.


def _gradient_of_input(of_y: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    to_products, to_frames = _transforms(x.shape[1], x.dtype)
    factors = transform(weight).transpose(0, 1)
    of_x = torch.empty_like(x)
    for of_result, of_clip in zip(of_y, of_x, strict=True):
        of_products = _rows(of_result, to_frames.t())
        _combine(to_products.t(), torch.bmm(of_products, factors), out=of_clip)
    return of_x


def _gradient_of_weight(of_y: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    to_products, to_frames = _transforms(x.shape[1], x.dtype)
    of_factors = weight.new_empty(PRODUCTS, len(weight), weight.shape[2])
    for i, (of_result, clip) in enumerate(zip(of_y, x, strict=True)):
        of_products = _rows(of_result, to_frames.t()).transpose(1, 2)
        of_factors.baddbmm_(of_products, _rows(clip, to_products), beta=min(i, 1))
    return _taps_to_products(weight.dtype).t() @ of_factors.transpose(0, 1)


@_convolve_backward.register_fake
def _(
    of_y: Tensor, x: Tensor, weight: Tensor, for_x: bool, for_weight: bool
) -> tuple[Tensor, Tensor]:
    return (
        x.new_empty(x.shape if for_x else 0),
        weight.new_empty(weight.shape if for_weight else 0),
    )


def _keep_inputs(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    # Neither rows nor transformed weights: they are larger, and quickly made anew.
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
    for_x, for_weight = ctx.needs_input_grad
    of_x, of_weight = _convolve_backward(
        gradient.contiguous(), *ctx.saved_tensors, for_x, for_weight
    )
    return of_x if for_x else None, of_weight if for_weight else None


convolve_over_time.register_autograd(_backward, setup_context=_keep_inputs)

# The operation as dispatchers see it.
OPERATION = torch.ops.mmaction.convolve_over_time.default


@register_flop_formula(torch.ops.mmaction.convolve_over_time)
def _operations(x: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
    """Of the convolution it stands for, as torch's counter has them of others."""
    out_channels, taps, channels = weight
    return 2 * prod(x[:3]) * out_channels * taps * channels
