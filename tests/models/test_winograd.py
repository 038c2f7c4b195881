from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from mmaction.models import winograd

sizes, sides = st.integers(1, 3), st.integers(1, 10)
KERNELS = {"1x3x1": (1, 3, 1), "1x3x3": (1, 3, 3), "3x3x3": (3, 3, 3)}
every_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
Kernel = tuple[int, int, int]


def literal(x: Tensor, weight: Tensor) -> Tensor:
    """B×T×H×W×C by K×D×3×A×C, as torch convolves clips."""
    taps = weight.permute(0, 4, 1, 2, 3)
    y = F.conv3d(x.permute(0, 4, 1, 2, 3), taps, padding=tuple(n // 2 for n in taps.shape[2:]))
    return y.permute(0, 2, 3, 4, 1)


def draw(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def draw_weight(
    out_channels: int, channels: int, kernel: Kernel, dtype: torch.dtype = torch.float64
) -> Tensor:
    return draw(out_channels, *kernel, channels, dtype=dtype, seed=1)


def compare(x: Tensor, weight: Tensor, *, tolerance: float) -> None:
    """Results and both gradients, to a share of the largest number of each."""
    ours = [x.clone().requires_grad_(), weight.clone().requires_grad_()]
    theirs = [x.double().requires_grad_(), weight.double().requires_grad_()]
    got, expected = winograd.convolve(*ours), literal(*theirs)
    gradient = draw(*expected.shape, seed=2)
    got.backward(gradient.to(x.dtype))
    expected.backward(gradient)
    for a, b in ((got, expected), *((a.grad, b.grad) for a, b in zip(ours, theirs, strict=True))):
        off = (a.double() - b).abs().max() / b.abs().max()
        assert off < tolerance


@every_kernel
@settings(deadline=None, max_examples=30)
@given(clips=sizes, frames=sizes, height=sides, width=sides, channels=sizes, out_channels=sizes)
def test_equals_a_convolution_forward_and_backward(
    kernel, clips, frames, height, width, channels, out_channels
) -> None:
    x = draw(clips, frames, height, width, channels)
    compare(x, draw_weight(out_channels, channels, kernel), tolerance=1e-12)


@every_kernel
@settings(deadline=None, max_examples=20)
@given(
    clips=sizes,
    frames=st.integers(1, 4),
    height=sides,
    width=sides,
    channels=st.sampled_from((32, 64, 96)),
    out_channels=st.sampled_from((32, 64, 160)),
)
def test_equals_a_convolution_in_float32(
    kernel, clips, frames, height, width, channels, out_channels
) -> None:
    """The compiled kernels' numbers of channels."""
    x = draw(clips, frames, height, width, channels, dtype=torch.float32)
    compare(x, draw_weight(out_channels, channels, kernel, torch.float32), tolerance=2e-5)


@every_kernel
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_goes_by_portions_of_frames_and_of_weights(
    kernel: Kernel, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "_TILES", 40)
    monkeypatch.setattr(winograd, "_WEIGHTS", 100)  # one part after another, of 32 channels each
    x = draw(3, 5, 9, 6, 64, dtype=dtype)
    compare(x, draw_weight(96, 64, kernel, dtype), tolerance=2e-5)


@every_kernel
@pytest.mark.parametrize(("channels", "side"), [(64, 28), (512, 7)])
def test_rounding_stays_near_that_of_a_convolution(
    kernel: Kernel, channels: int, side: int
) -> None:
    """Root mean square error in float32, against float64, of activations behind a ReLU."""
    x, weight = draw(1, 4, side, side, channels).relu(), draw_weight(channels, channels, kernel)
    exact = literal(x, weight)

    def error(y: Tensor) -> float:
        return ((y - exact).square().mean() / exact.square().mean()).sqrt().item()

    assert error(winograd.convolve(x.float(), weight.float())) < 2e-6


@every_kernel
def test_the_last_steps_are_those_of_a_layer(kernel: Kernel) -> None:
    x, weight = (
        draw(2, 3, 7, 5, 32, dtype=torch.float32),
        draw_weight(64, 32, kernel, torch.float32),
    )
    bias = draw(64, dtype=torch.float32, seed=2)
    other = draw(2, 3, 7, 5, 64, dtype=torch.float32, seed=3)
    factors = winograd.factors(weight)
    got = winograd.convolve_by_factors(x, factors, bias=bias, other=other, relu=True)
    expected = (literal(x, weight) + bias + other).relu()
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_saves_work_where_tiles_are_full_and_many() -> None:
    """Of n×n cells: 36 products for each 4×4 tile against 9 for each cell; over n frames, 6 for
    each four of them against 3 for each.
    """
    enough = [side for side in range(1, 13) if winograd.saves_work(100, side, side, wide=True)]
    assert enough == [s for s in range(1, 13) if 36 * (-(-s // 4)) ** 2 < 0.75 * 9 * s * s]
    assert enough == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert not winograd.saves_work(3, 7, 7, wide=True), "12 tiles only"
    assert winograd.saves_work(4, 7, 7, wide=True)
    enough = [frames for frames in range(1, 13) if winograd.saves_work(1, frames, 49, wide=False)]
    assert enough == [n for n in range(1, 13) if 6 * -(-n // 4) < 0.75 * 3 * n]
    assert enough == [3, 4, 6, 7, 8, 9, 10, 11, 12]


@every_kernel
def test_is_an_operation_by_torchs_own_rules(kernel: Kernel) -> None:
    x = draw(2, 3, 5, 3, 4, dtype=torch.float32).requires_grad_()
    weight = draw_weight(6, 4, kernel, torch.float32).requires_grad_()
    torch.library.opcheck(winograd.OPERATION, (x, weight))


@every_kernel
def test_counts_as_the_convolution_that_it_is(kernel: Kernel) -> None:
    x, weight = draw(2, 3, 8, 3, 4), draw_weight(6, 4, kernel)
    with FlopCounterMode(display=False) as ours:
        winograd.convolve(x, weight)
    with FlopCounterMode(display=False) as theirs:
        literal(x, weight)
    assert ours.get_total_flops() == theirs.get_total_flops()


@every_kernel
def test_of_two_inputs_only_what_is_asked_for_gets_a_gradient(kernel: Kernel) -> None:
    x, weight = draw(1, 2, 4, 2, 3), draw_weight(2, 3, kernel).requires_grad_()
    winograd.convolve(x, weight).sum().backward()
    assert x.grad is None
    expected = weight.detach().clone().requires_grad_()
    literal(x, expected).sum().backward()
    torch.testing.assert_close(weight.grad, expected.grad)


@every_kernel
def test_threads_and_the_clips_beside_it_change_no_bit(kernel: Kernel) -> None:
    x = draw(6, 2, 9, 7, 64, dtype=torch.float32)
    weight = draw_weight(64, 64, kernel, torch.float32)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = winograd.convolve(x, weight)
        torch.set_num_threads(2)
        assert torch.equal(winograd.convolve(x, weight), alone)
        assert torch.equal(winograd.convolve(x[2:3].contiguous(), weight), alone[2:3])
    finally:
        torch.set_num_threads(threads)
