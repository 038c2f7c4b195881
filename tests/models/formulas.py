"""What several networks' formulas have in common, spelt out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPS = 1e-5


def batch_norm(x: Tensor, bn: nn.Module) -> Tensor:
    """Batch norm in training mode, spelt out: biased variance over all but the channels."""
    mean = x.mean([0, 2, 3, 4], keepdim=True)
    var = ((x - mean) ** 2).mean([0, 2, 3, 4], keepdim=True)
    shape = (1, -1, 1, 1, 1)
    return (x - mean) / torch.sqrt(var + EPS) * bn.weight.view(shape) + bn.bias.view(shape)
