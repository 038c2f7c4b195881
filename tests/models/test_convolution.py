from __future__ import annotations

import pytest
import torch
from torch import nn

from mmaction.models.convolution import FastConv3d, set_fast
from mmaction.ops.tiles import HAS_TILES

FLAT = [
    ((1, 1, 1), (1, 1, 1)),
    ((1, 3, 3), (1, 1, 1)),
    ((1, 3, 3), (1, 2, 2)),
    ((1, 7, 7), (1, 2, 2)),
    ((1, 1, 1), (1, 2, 2)),
    ((3, 1, 1), (1, 1, 1)),
    ((3, 1, 1), (2, 1, 1)),
]
KERNELS = [*FLAT, ((1, 1, 1), (2, 2, 2)), ((3, 3, 3), (1, 2, 2))]


NARROW, WIDE = (5, 6), (64, 96)


def pair(
    kernel: tuple[int, ...], stride: tuple[int, ...], channels: tuple[int, int] = NARROW
) -> tuple[FastConv3d, nn.Conv3d]:
    torch.manual_seed(0)
    settings = dict(stride=stride, padding=tuple(k // 2 for k in kernel), bias=True)
    fast, plain = (of(*channels, kernel, **settings) for of in (FastConv3d, nn.Conv3d))
    plain.load_state_dict(fast.state_dict())
    return fast, plain


@pytest.mark.parametrize("channels", [NARROW, WIDE])
@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
@pytest.mark.parametrize("clips", [1, 2])
@pytest.mark.parametrize("layout", [torch.channels_last_3d, torch.contiguous_format])
def test_equals_a_plain_convolution_forward_and_backward(
    channels, kernel, stride, clips, layout
) -> None:
    fast, plain = pair(kernel, stride, channels)
    x = torch.randn(clips, channels[0], 4, 6, 8).to(memory_format=layout)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    got, expected = fast(ours), plain(theirs)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(fast(x), expected, rtol=1e-5, atol=1e-5)
    weight = torch.randn_like(expected)
    (got * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)
    for a, b in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [NARROW, WIDE])
@pytest.mark.parametrize(("kernel", "stride"), FLAT)
@pytest.mark.parametrize("clips", [1, 2])
def test_the_layout_stays(channels, kernel, stride, clips) -> None:
    """Or the next layer would be slow: the strides of a batch of one are easily lost."""
    x = torch.randn(clips, channels[0], 4, 6, 8).to(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        y = pair(kernel, stride, channels)[0](x)
    assert y.is_contiguous(memory_format=torch.channels_last_3d)


PRODUCT, WINOGRAD, FLAT_2D, PLAIN = (
    "mmaction::convolve_cells",
    "mmaction::convolve",
    "aten::conv2d",
    "aten::conv3d",
)
compiled = pytest.mark.skipif(not HAS_TILES, reason="needs the compiled kernels")


@compiled
@pytest.mark.parametrize(
    ("kernel", "channels", "without_gradients", "with_gradients"),
    [
        ((1, 1, 1), WIDE, PRODUCT, PRODUCT),
        ((1, 1, 1), (64, 80), FLAT_2D, PRODUCT),
        ((1, 1, 1), (256, 264), PRODUCT, PRODUCT),
        ((3, 1, 1), WIDE, WINOGRAD, WINOGRAD),
        ((1, 3, 3), WIDE, WINOGRAD, WINOGRAD),
        ((1, 3, 3), (64, 80), FLAT_2D, PLAIN),
        ((1, 1, 1), NARROW, FLAT_2D, PLAIN),
        ((3, 1, 1), NARROW, FLAT_2D, PLAIN),
        ((3, 3, 3), WIDE, WINOGRAD, WINOGRAD),
        ((3, 3, 3), NARROW, PLAIN, PLAIN),
    ],
)
def test_each_kernel_has_its_way(kernel, channels, without_gradients, with_gradients) -> None:
    x = torch.randn(1, channels[0], 4, 6, 8).to(memory_format=torch.channels_last_3d)
    fast = pair(kernel, (1, 1, 1), channels)[0]
    assert ways_taken(fast, x) == {with_gradients}
    with torch.no_grad():
        assert ways_taken(fast, x) == {without_gradients}


def ways_taken(module: nn.Module, x: torch.Tensor) -> set[str]:
    with torch.profiler.profile() as seen:
        module(x)
    return {event.name for event in seen.events()} & {PRODUCT, WINOGRAD, FLAT_2D, PLAIN}


@pytest.mark.parametrize("channels", [NARROW, WIDE])
@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
@pytest.mark.parametrize("kept", [False, True])
def test_infers_with_a_sum_and_a_relu(channels, kernel, stride, kept) -> None:
    fast, plain = pair(kernel, stride, channels)
    if kept:
        fast.requires_grad_(False).keep_factors()
    x = torch.randn(2, channels[0], 4, 6, 8).to(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        expected = plain(x)
        other = torch.randn_like(expected)
        for y, got in (
            (expected, fast.infer(x)),
            (expected.relu(), fast.infer(x, relu=True)),
            ((expected + other).relu(), fast.infer(x, other=other, relu=True)),
        ):
            torch.testing.assert_close(got, y, rtol=1e-5, atol=1e-5)
            assert got.is_contiguous(memory_format=torch.channels_last_3d)


@compiled
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(("frames", "side"), [(16, 4), (4, 7)])
@pytest.mark.parametrize("kernel", [(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3)])
def test_a_clips_numbers_dont_depend_on_those_beside_it(kernel, frames, side, kept) -> None:
    fast = pair(kernel, (1, 1, 1), WIDE)[0].requires_grad_(False)
    if kept:
        fast.keep_factors()
    x = torch.randn(5, WIDE[0], frames, side, side).to(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        alone = [fast.infer(clip[None], relu=True) for clip in x]
        assert torch.equal(fast.infer(x, relu=True), torch.cat(alone))


@pytest.mark.parametrize("kernel", [(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3)])
def test_weights_and_addends_may_lie_in_another_order(kernel) -> None:
    """As a checkpoint's do that is taken over, or one's own tensor that is added."""
    fast, plain = pair(kernel, (1, 1, 1), WIDE)
    fast.load_state_dict(plain.state_dict(), assign=True)
    x = torch.randn(2, WIDE[0], 4, 6, 8).to(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(fast(x), plain(x), rtol=1e-5, atol=1e-5)
    fast.requires_grad_(False).keep_factors()
    expected = plain(x)
    other = torch.randn(expected.shape)
    got = fast.infer(x, other=other, relu=True)
    torch.testing.assert_close(got, (expected + other).relu(), rtol=1e-5, atol=1e-5)


@compiled
@pytest.mark.parametrize("kernel", [(1, 1, 1), (3, 1, 1), (1, 3, 3)])
def test_factors_made_once_are_what_is_used(kernel) -> None:
    fast = pair(kernel, (1, 1, 1), WIDE)[0].requires_grad_(False)
    fast.keep_factors()
    x = torch.randn(2, WIDE[0], 16, 4, 4).to(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        expected = fast.infer(x)
        fast.weight.zero_()
        assert torch.equal(fast.infer(x), expected)


@compiled
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_factors_are_made_only_where_they_are_used(device: str) -> None:
    """Matrix products are the CPU's way; other devices keep no second set of weights."""
    fast = pair((3, 1, 1), (1, 1, 1), WIDE)[0].to(device)
    fast.keep_factors()
    assert (fast._factors is not None) == (device == "cpu")
    plain = pair((3, 1, 1), (1, 1, 1), WIDE)[0]
    set_fast(plain, False)
    plain.keep_factors()
    assert plain._factors is None


@pytest.mark.parametrize("kernel", [(1, 1, 1), (3, 1, 1), (1, 3, 3)])
def test_half_precision_is_left_to_the_library(kernel) -> None:
    """Its units for bfloat16 are faster than matrix products, and need no saving."""
    x = torch.randn(1, WIDE[0], 4, 6, 8).to(memory_format=torch.channels_last_3d)
    fast = pair(kernel, (1, 1, 1), WIDE)[0]
    with torch.autocast("cpu", torch.bfloat16):
        assert ways_taken(fast, x) == {PLAIN}
    assert ways_taken(fast.bfloat16(), x.bfloat16()) == {PLAIN}


def test_two_frames_are_convolved() -> None:
    """There the six products are no fewer multiplications."""
    x = torch.randn(1, WIDE[0], 2, 6, 8).to(memory_format=torch.channels_last_3d)
    assert ways_taken(pair((3, 1, 1), (1, 1, 1), WIDE)[0], x) == {PLAIN}


def test_the_fast_ways_can_be_turned_off_and_change_no_weight() -> None:
    fast, _ = pair((1, 1, 1), (1, 1, 1), WIDE)
    before = {name: value.clone() for name, value in fast.state_dict().items()}
    set_fast(fast, False)
    assert fast.weight.is_contiguous()
    assert all(torch.equal(value, before[name]) for name, value in fast.state_dict().items())
    x = torch.randn(1, WIDE[0], 4, 6, 8).to(memory_format=torch.channels_last_3d)
    assert ways_taken(fast, x) == {PLAIN}
