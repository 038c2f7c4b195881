from __future__ import annotations

import pytest
import torch
from torch import nn

from mmaction.errors import ConfigError
from mmaction.models import ResNet3D
from mmaction.models.backbones.blocks import Bottleneck3D


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
@pytest.mark.parametrize(("frames", "size"), [(1, 32), (3, 48)])
def test_shapes_at_every_depth(depth: int, frames: int, size: int) -> None:
    with torch.device("meta"):
        net = ResNet3D(depth=depth, base_channels=4)
        out = net(torch.empty(2, 3, frames, size, size))
    assert out.shape == (2, net.out_channels, frames, -(-size // 32), -(-size // 32))


def test_stem_and_stages_one_by_one_give_the_whole() -> None:
    torch.manual_seed(0)
    net = ResNet3D(depth=18, base_channels=4).eval()
    clips = torch.randn(1, 3, 2, 32, 32)
    x = net.stem(clips)
    for stage in net.stages:
        x = stage(x)
    assert torch.equal(net(clips), x)


def test_strides_over_space_and_time() -> None:
    net = ResNet3D(
        depth=18, base_channels=4, spatial_strides=(1, 1, 2, 1), temporal_strides=(1, 2, 1, 2)
    )
    assert net(torch.zeros(1, 3, 8, 32, 32)).shape[2:] == (2, 4, 4)
    assert net.temporal_stride == 4


def temporal_kernels(net: ResNet3D) -> dict[str, tuple[int, ...]]:
    return {
        name: m.kernel_size
        for name, m in net.named_modules()
        if isinstance(m, nn.Conv3d) and m.kernel_size[0] > 1
    }


def test_default_inflation_is_the_first_convolution_of_stages_3_and_4() -> None:
    kernels = temporal_kernels(ResNet3D(depth=50, base_channels=4))
    expected = {f"layer{s}.{i}.conv1" for s, n in ((3, 6), (4, 3)) for i in range(n)}
    assert kernels == dict.fromkeys(expected, (3, 1, 1))


def test_3x3x3_inflation_is_the_middle_convolution() -> None:
    net = ResNet3D(depth=50, base_channels=4, inflate=(0, 1, 0, 0), inflate_style="3x3x3")
    assert temporal_kernels(net) == {f"layer2.{i}.conv2": (3, 3, 3) for i in range(4)}


def test_basic_blocks_inflate_both_convolutions() -> None:
    net = ResNet3D(depth=18, base_channels=4, inflate=(1, 0, 0, 0))
    names = {f"layer1.{i}.conv{c}" for i in range(2) for c in (1, 2)}
    assert temporal_kernels(net) == dict.fromkeys(names, (3, 3, 3))


def test_frozen_stages_and_norm_eval_survive_train() -> None:
    net = ResNet3D(depth=18, base_channels=4, frozen_stages=1).train()
    frozen = [*net.stem.parameters(), *net.layer1.parameters()]
    assert not any(p.requires_grad for p in frozen)
    assert all(p.requires_grad for p in net.layer2.parameters())
    assert not net.stem.bn.training
    assert net.layer2[0].bn1.training

    net = ResNet3D(depth=18, base_channels=4, norm_eval=True).train()
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm3d)]
    assert not any(m.training for m in norms)
    assert norms[0].weight.requires_grad


def test_zero_init_residual_starts_blocks_as_identities() -> None:
    net = ResNet3D(depth=50, base_channels=4, zero_init_residual=True).eval()
    block = net.layer1[1]
    assert isinstance(block, Bottleneck3D)
    x = torch.rand(1, 16, 2, 8, 8)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (dict(depth=20), "depth=20"),
        (dict(depth=18, num_stages=5), "num_stages=5"),
        (dict(depth=18, inflate_style="2x2x2"), "inflate_style='2x2x2'"),
        (dict(depth=18, frozen_stages=7), "frozen_stages=7"),
        (dict(depth=18, spatial_strides=(1, 2)), "spatial_strides"),
        (dict(depth=18, with_cp="some"), "with_cp='some': expected False, True or 'selective'"),
    ],
)
def test_wrong_arguments_are_named(wrong: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        ResNet3D(**wrong)


def test_no_stage_is_left_behind_the_fourth() -> None:
    with pytest.raises(ConfigError, match="num_stages=4"):
        ResNet3D(depth=18, base_channels=4).make_next_stage()


def test_a_frozen_network_has_no_gradients_and_stays_in_eval_mode() -> None:
    backbone = ResNet3D(depth=18, base_channels=4, frozen=True).train()
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    assert not any(m.training for m in backbone.modules() if isinstance(m, nn.BatchNorm3d))
