"""1×1×1 convolutions as matrix products, forward and backward.

Dimension letters: R cells of all frames and clips, C channels in, K channels out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmaction.models.operations import define
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


def _convolve(x: Tensor, weight: Tensor) -> Tensor:
    return multiply_cells(x, weight.t())


# R×C by K×C: R×K, of float32 or float64 on the CPU.
convolve_cells = define(
    "convolve_cells",
    _convolve,
    shape=lambda x, weight: (x[0], weight[0]),
    of_input=multiply_cells,
    of_weight=lambda of_y, x, _: multiply_cells(of_y.t(), x),
    macs=lambda x, weight: x[0] * x[1] * weight[0],
)
# The operation as dispatchers see it.
OPERATION = torch.ops.mmaction.convolve_cells.default
