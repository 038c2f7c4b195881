from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mmaction.models.activation_checkpointing import checkpointed


def train_step(make: Callable[..., nn.Module], with_cp: bool | str, depth: int) -> nn.Module:
    torch.manual_seed(0)
    model = make(backbone=dict(with_cp=with_cp, depth=depth)).train()
    clips = torch.randn(2, 3, 4, 32, 32).to(memory_format=torch.channels_last_3d)
    torch.manual_seed(1)  # of dropout
    out = model(clips)
    (out.scores.square().sum() + out.attention_scores.square().sum()).backward()
    return model


@pytest.mark.parametrize("with_cp", [True, "selective"])
@pytest.mark.parametrize("depth", [18, 50])
def test_gradients_and_running_statistics_are_those_without(make_st_abn, with_cp, depth) -> None:
    plain = train_step(make_st_abn, False, depth)
    saving = train_step(make_st_abn, with_cp, depth)
    for (name, a), b in zip(plain.named_parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5, msg=name)
    for (name, a), b in zip(plain.named_buffers(), saving.buffers(), strict=True):
        assert torch.equal(a, b), name
    assert all(m.momentum == 0.1 for m in saving.modules() if isinstance(m, nn.BatchNorm3d))


def test_selective_keeps_convolutions_but_widening_ones() -> None:
    """Counted while the gradients are made: what is kept is not convolved again."""
    counts = {}
    for mode in (False, True, "selective"):
        narrow, wide = nn.Conv3d(8, 4, (1, 3, 3), padding=(0, 1, 1)), nn.Conv3d(4, 16, 1)
        block = nn.Sequential(narrow, nn.BatchNorm3d(4), nn.ReLU(), wide, nn.BatchNorm3d(16))
        x = torch.randn(1, 8, 2, 4, 4, requires_grad=True)
        y = checkpointed(block, x, module=block, mode=mode)
        with torch.profiler.profile() as seen:
            y.sum().backward()
        counts[mode] = sum(e.name in CONVOLVED for e in seen.events())
    assert counts == {False: 0, True: 2, "selective": 1}


# What computes a convolution forward on CPUs.
CONVOLVED = {"aten::mkldnn_convolution", "aten::slow_conv3d_forward"}


def test_nothing_is_checkpointed_without_gradients() -> None:
    layer = nn.Linear(2, 2)

    def run(x: Tensor) -> Tensor:
        return layer(x)

    with torch.no_grad():
        assert not checkpointed(run, torch.ones(1, 2), module=layer, mode=True).requires_grad
