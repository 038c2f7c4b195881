from __future__ import annotations

import pytest
import torch
from torch import nn

from mmaction.models import ResNet3D
from mmaction.models.backbones.blocks import BasicBlock3D
from mmaction.models.inference import fuse_for_inference


def seasoned(model: nn.Module) -> nn.Module:
    """Norms as after a training: no statistic and no weight at its start value."""
    draw = torch.Generator().manual_seed(0)
    for m in model.modules():
        if isinstance(m, nn.BatchNorm3d):
            m.running_mean.uniform_(-0.5, 0.5, generator=draw)
            m.running_var.uniform_(0.5, 2, generator=draw)
            nn.init.uniform_(m.weight, 0.5, 1.5, generator=draw)
            nn.init.uniform_(m.bias, -0.5, 0.5, generator=draw)
    return model.eval()


CLIPS = torch.randn(2, 3, 4, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize(
    "parts",
    [
        {},
        dict(attention_mechanism=dict(final_relu=False)),
        dict(attention_branch=dict(type="EvidenceBranch"), attention_mechanism=dict(gate="joint")),
    ],
)
def test_same_scores_and_maps_without_a_norm_behind_a_convolution(
    make_st_abn, depth, parts
) -> None:
    torch.manual_seed(0)
    model = seasoned(make_st_abn(backbone=dict(depth=depth), **parts))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fused = fuse_for_inference(model)
    clips = CLIPS.to(memory_format=torch.channels_last_3d)
    with torch.no_grad():
        expected, got = model(clips), fused(clips)
    for name in ("scores", "attention_scores", "spatial_attention", "temporal_attention"):
        a, b = getattr(expected, name), getattr(got, name)
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-4, msg=name)
    assert not any(isinstance(m, nn.BatchNorm3d) for m in fused.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert any(isinstance(m, nn.BatchNorm3d) for m in model.modules())


class PreActivated(BasicBlock3D):
    """Somebody's block: its norms come before its convolutions, whatever their names say."""

    def residual(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv1(torch.relu(self.bn1(x)))


def test_blocks_of_others_are_left_as_they_are() -> None:
    block = seasoned(
        PreActivated(
            4,
            4,
            spatial_stride=1,
            temporal_stride=1,
            inflate=False,
            inflate_style="3x1x1",
            norm_cfg=dict(type="BN3d"),
            with_cp=False,
        )
    )
    x = torch.randn(1, 4, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(fuse_for_inference(nn.Sequential(block))(x), block(x))


def test_half_precision(make_st_abn) -> None:
    torch.manual_seed(0)
    model = seasoned(make_st_abn())
    fused = fuse_for_inference(model, dtype=torch.bfloat16)
    with torch.no_grad():
        expected = model(CLIPS).scores
        with torch.autocast("cpu", torch.bfloat16):
            got = fused(CLIPS).scores
    # bfloat16 has 8 bits: 2⁻⁸ a layer, some twenty layers.
    assert (got.float() - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("layout", [torch.channels_last_3d, torch.contiguous_format])
def test_a_wide_network_in_both_memory_layouts(depth: int, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    model = ResNet3D(depth=depth, num_stages=3, inflate=(False, True, False, False))
    seasoned(model)
    fused = fuse_for_inference(model)
    convs = [module for module in fused.modules() if isinstance(module, nn.Conv3d)]
    assert all(c.weight.is_contiguous(memory_format=torch.channels_last_3d) for c in convs)
    clips = torch.randn(2, 3, 16, 64, 64).to(memory_format=layout)
    with torch.no_grad():
        expected, got = model(clips), fused(clips)
    assert (got - expected).abs().max() < 1e-5 * expected.abs().max()


def test_another_norm_stays() -> None:
    model = ResNet3D(depth=10, num_stages=1, norm_cfg=dict(type="GN", num_groups=4))
    fused = fuse_for_inference(model)
    norms = [module for module in model.modules() if isinstance(module, nn.GroupNorm)]
    assert len([m for m in fused.modules() if isinstance(m, nn.GroupNorm)]) == len(norms) > 0
