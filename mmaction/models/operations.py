"""Convolutions of our own as operations that autograd, compilers and counters know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

Shape = Sequence[int]


def define(
    name: str,
    convolve: Callable[[Tensor, Tensor], Tensor],
    *,
    shape: Callable[[Shape, Shape], Shape],
    of_input: Callable[[Tensor, Tensor], Tensor],
    of_weight: Callable[[Tensor, Tensor, Tensor], Tensor],
    macs: Callable[[Shape, Shape], int],
) -> Callable[[Tensor, Tensor], Tensor]:
    """The operation ``mmaction::name``, y = convolve(x, weight), with gradients.

    For the backward pass nothing but x and the weight is kept: what else is computed on the way is
    larger, and quickly made anew.

    Args:
        name: Of the operation; its backward pass is one, too.
        convolve: Of contiguous x.
        shape: y's, by those of x and of the weight.
        of_input: The gradient of x, by y's, contiguous, and the weight.
        of_weight: That of the weight, by y's, x and the weight.
        macs: Multiply-accumulates, by the shapes, of the convolution that it stands for.
    """
    operation = torch.library.custom_op(f"mmaction::{name}", convolve, mutates_args=())

    @operation.register_fake
    def _(x: Tensor, weight: Tensor) -> Tensor:
        return x.new_empty(shape(x.shape, weight.shape))

    @torch.library.custom_op(f"mmaction::{name}_backward", mutates_args=())
    def backward(
        of_y: Tensor, x: Tensor, weight: Tensor, for_x: bool, for_weight: bool
    ) -> tuple[Tensor, Tensor]:
        """What is not asked for is empty."""
        return (
            of_input(of_y, weight) if for_x else x.new_empty(0),
            of_weight(of_y, x, weight) if for_weight else weight.new_empty(0),
        )

    @backward.register_fake
    def _(
        of_y: Tensor, x: Tensor, weight: Tensor, for_x: bool, for_weight: bool
    ) -> tuple[Tensor, Tensor]:
        return (
            x.new_empty(x.shape if for_x else 0),
            weight.new_empty(weight.shape if for_weight else 0),
        )

    def keep_inputs(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    def gradients(ctx: Any, of_y: Tensor) -> tuple[Tensor | None, Tensor | None]:
        for_x, for_weight = ctx.needs_input_grad
        of_x, of_w = backward(of_y.contiguous(), *ctx.saved_tensors, for_x, for_weight)
        return of_x if for_x else None, of_w if for_weight else None

    operation.register_autograd(gradients, setup_context=keep_inputs)

    @register_flop_formula(getattr(torch.ops.mmaction, name))
    def _(x: Shape, weight: Shape, *_: Any, **__: Any) -> int:
        return 2 * macs(x, weight)

    return operation
