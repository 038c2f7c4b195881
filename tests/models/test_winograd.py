from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mmaction.models import winograd

sizes = st.integers(1, 5)


def literal(x: Tensor, weight: Tensor) -> Tensor:
    """B×T×N×C by K×3×C, as torch convolves in one dimension."""
    rows = x.permute(0, 2, 3, 1).flatten(0, 1)
    y = F.conv1d(rows, weight.transpose(1, 2), padding=1)
    return y.unflatten(0, (x.shape[0], -1)).permute(0, 3, 1, 2)


def draw(shape: tuple[int, ...], dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@settings(deadline=None, max_examples=50)
@given(clips=sizes, frames=st.integers(1, 13), cells=sizes, channels=sizes, out_channels=sizes)
def test_equals_a_convolution_forward_and_backward(
    clips, frames, cells, channels, out_channels
) -> None:
    x, weight = draw((clips, frames, cells, channels)), draw((out_channels, 3, channels), seed=1)
    ours = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
    theirs = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
    got, expected = winograd.convolve_over_time(*ours), literal(*theirs)
    torch.testing.assert_close(got, expected, rtol=1e-11, atol=1e-11)
    gradient = draw(tuple(expected.shape), seed=2)
    got.backward(gradient)
    expected.backward(gradient)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("channels", "out_channels"), [(256, 64), (1024, 256)])
def test_rounding_stays_near_that_of_a_matrix_product(channels: int, out_channels: int) -> None:
    """Root mean square error in float32, against float64, of activations behind a ReLU."""
    x = draw((1, 16, 9, channels)).relu()
    weight = draw((out_channels, 3, channels), seed=1) * (2 / (3 * out_channels)) ** 0.5
    exact = literal(x, weight)
    padded = F.pad(x.float(), (0, 0, 0, 0, 1, 1))
    taps = torch.cat([padded[:, i : i + 16] for i in range(3)], dim=3)
    product = taps @ weight.float().flatten(1).t()

    def error(y: Tensor) -> float:
        return (y - exact).square().mean().sqrt().item()

    assert error(winograd.convolve_over_time(x.float(), weight.float())) < 4 * error(product)


def test_saves_work_is_a_count_of_multiplications() -> None:
    for frames in range(1, 20):
        steps = len(range(0, frames, 4))
        assert winograd.saves_work(frames) == (6 * steps < 3 * frames)
    assert [frames for frames in range(1, 9) if winograd.saves_work(frames)] == [3, 4, 5, 6, 7, 8]


def test_is_an_operation_by_torchs_own_rules() -> None:
    args = (
        draw((2, 5, 3, 4), torch.float32).requires_grad_(),
        draw((6, 3, 4), torch.float32, 1).requires_grad_(),
    )
    torch.library.opcheck(winograd.OPERATION, args)


def test_counts_as_the_convolution_that_it_is() -> None:
    x, weight = draw((2, 8, 3, 4)), draw((6, 3, 4), seed=1)
    with FlopCounterMode(display=False) as ours:
        winograd.convolve_over_time(x, weight)
    with FlopCounterMode(display=False) as theirs:
        literal(x, weight)
    assert ours.get_total_flops() == theirs.get_total_flops()


def test_of_two_inputs_only_what_is_asked_for_gets_a_gradient() -> None:
    x, weight = draw((1, 4, 2, 3)), draw((2, 3, 3), seed=1).requires_grad_()
    winograd.convolve_over_time(x, weight).sum().backward()
    assert x.grad is None
    expected = weight.detach().clone().requires_grad_()
    literal(x, expected).sum().backward()
    torch.testing.assert_close(weight.grad, expected.grad)
