from __future__ import annotations

import pytest
import torch
from torch import nn

from mmaction.models.convolution import FoldedConv3d, set_folding

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


def pair(kernel: tuple[int, ...], stride: tuple[int, ...]) -> tuple[FoldedConv3d, nn.Conv3d]:
    torch.manual_seed(0)
    settings = dict(stride=stride, padding=tuple(k // 2 for k in kernel), bias=True)
    folded, plain = FoldedConv3d(5, 6, kernel, **settings), nn.Conv3d(5, 6, kernel, **settings)
    plain.load_state_dict(folded.state_dict())
    return folded, plain


@pytest.mark.parametrize(("kernel", "stride"), KERNELS)
@pytest.mark.parametrize("clips", [1, 2])
@pytest.mark.parametrize("layout", [torch.channels_last_3d, torch.contiguous_format])
def test_equals_a_plain_convolution_forward_and_backward(kernel, stride, clips, layout) -> None:
    folded, plain = pair(kernel, stride)
    x = torch.randn(clips, 5, 4, 6, 8).to(memory_format=layout)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    got, expected = folded(ours), plain(theirs)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
    with torch.no_grad():  # this one is folded
        torch.testing.assert_close(folded(x), expected, rtol=1e-5, atol=1e-5)
    weight = torch.randn_like(expected)
    (got * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)
    for a, b in zip(folded.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kernel", "stride"), FLAT)
@pytest.mark.parametrize("clips", [1, 2])
def test_the_layout_stays(kernel, stride, clips) -> None:
    """Or the next layer would not fold: the strides of a batch of one are easily lost."""
    x = torch.randn(clips, 5, 4, 6, 8).to(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        y = pair(kernel, stride)[0](x)
    assert y.is_contiguous(memory_format=torch.channels_last_3d)


def test_flat_kernels_run_as_2d_convolutions() -> None:
    from torch.profiler import profile

    x = torch.randn(1, 5, 4, 6, 8).to(memory_format=torch.channels_last_3d)
    for kernel, folds in (((1, 3, 3), True), ((3, 1, 1), True), ((3, 3, 3), False)):
        folded = pair(kernel, (1, 1, 1))[0]
        with torch.no_grad(), profile() as seen:
            folded(x)
        names = {event.name for event in seen.events()}
        assert ("aten::conv2d" in names, "aten::conv3d" in names) == (folds, not folds)


def test_folding_can_be_turned_off_and_changes_no_weight() -> None:
    folded, _ = pair((1, 3, 3), (1, 1, 1))
    before = {name: value.clone() for name, value in folded.state_dict().items()}
    set_folding(folded, False)
    assert not folded.fold
    assert folded.weight.is_contiguous()
    assert all(torch.equal(value, before[name]) for name, value in folded.state_dict().items())
