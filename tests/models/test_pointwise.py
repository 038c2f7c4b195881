from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mmaction.models import pointwise


def draw(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("cells", "channels", "out_channels"), [(1, 1, 1), (37, 64, 96), (700, 33, 64), (90, 64, 174)]
)
def test_is_a_linear_layer_forward_and_backward(cells, channels, out_channels, dtype) -> None:
    x, weight = draw(cells, channels, dtype=dtype), draw(out_channels, channels, dtype=dtype)
    ours = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
    theirs = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
    got, expected = pointwise.convolve_cells(*ours), F.linear(*theirs)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    gradient = draw(cells, out_channels, dtype=dtype, seed=1)
    got.backward(gradient)
    expected.backward(gradient)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-4)


def test_is_an_operation_by_torchs_own_rules() -> None:
    args = draw(9, 64).requires_grad_(), draw(32, 64, seed=1).requires_grad_()
    torch.library.opcheck(pointwise.OPERATION, args)


def test_counts_as_the_product_that_it_is() -> None:
    x, weight = draw(9, 5), draw(7, 5)
    with FlopCounterMode(display=False) as ours:
        pointwise.convolve_cells(x, weight)
    with FlopCounterMode(display=False) as theirs:
        F.linear(x, weight)
    assert ours.get_total_flops() == theirs.get_total_flops()


def test_of_two_inputs_only_what_is_asked_for_gets_a_gradient() -> None:
    x, weight = draw(9, 5), draw(7, 5).requires_grad_()
    pointwise.convolve_cells(x, weight).sum().backward()
    assert x.grad is None
    torch.testing.assert_close(weight.grad, x.sum(0).expand(7, 5))
