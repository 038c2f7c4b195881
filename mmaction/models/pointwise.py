"""1×1×1 convolutions as matrix products, forward and backward.

Dimension letters: R cells of all frames and clips, C channels in, K channels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from mmaction.ops.products import multiply


def multiply_cells(
    x: Tensor,
    factors: Tensor,
    *,
    bias: Tensor | None = None,
    other: Tensor | None = None,
    relu: bool = False,
) -> Tensor:
    """R×C by C×K without gradients: R×K; see ``ops.products.multiply`` for what may follow."""
    y = x.new_empty(len(x), factors.shape[1])
    multiply(x[None], factors[None], out=y[None], bias=bias, other=other, relu=relu)
    return y


@torch.library.custom_op("mmaction::convolve_cells", mutates_args=())
def convolve_cells(x: Tensor, weight: Tensor) -> Tensor:
    """R×C by K×C: R×K.

    Args:
        x: float32 or float64, contiguous, on the CPU.
        weight: Of the same type.
    """
    return multiply_cells(x, weight.t())


@convolve_cells.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty(len(x), len(weight))


@torch.library.custom_op("mmaction::convolve_cells_backward", mutates_args=())
def _convolve_backward(
    of_y: Tensor, x: Tensor, weight: Tensor, for_x: bool, for_weight: bool
) -> tuple[Tensor, Tensor]:
    """What is not asked for is empty."""
    nothing = x.new_empty(0)
    return (
        multiply_cells(of_y, weight) if for_x else nothing,
        multiply_cells(of_y.t(), x) if for_weight else nothing.clone(),
    )


@_convolve_backward.register_fake
def _(
    of_y: Tensor, x: Tensor, weight: Tensor, for_x: bool, for_weight: bool
) -> tuple[Tensor, Tensor]:
    return (
        x.new_empty(x.shape if for_x else 0),
        weight.new_empty(weight.shape if for_weight else 0),
    )


def _keep_inputs(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
    for_x, for_weight = ctx.needs_input_grad
    of_x, of_weight = _convolve_backward(
        gradient.contiguous(), *ctx.saved_tensors, for_x, for_weight
    )
    return of_x if for_x else None, of_weight if for_weight else None


convolve_cells.register_autograd(_backward, setup_context=_keep_inputs)

# The operation as dispatchers see it.
OPERATION = torch.ops.mmaction.convolve_cells.default


@register_flop_formula(torch.ops.mmaction.convolve_cells)
def _operations(x: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
    return 2 * x[0] * x[1] * weight[0]
