"""Attention of tokens to each other, beside what the libraries themselves give and loops."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.models import TimmBackbone, TorchvisionBackbone, TransformersBackbone
from mmaction.models.backbones.token_attention import over_time, within_frames
from tests.tiny_transformers import SMALL_SWIN, SMALL_VIT, TRANSFORMERS


def clips(frames: int = 8) -> Tensor:
    return torch.randn(2, 3, frames, 32, 32, generator=torch.Generator().manual_seed(0))


def switches(network: Any) -> list[Any]:
    fused = [getattr(module, "fused_attn", None) for module in network.modules()]
    hooks = [
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()
    ]
    config = getattr(network, "config", None)
    return [fused, hooks, getattr(config, "_attn_implementation", None)]


@pytest.mark.parametrize("name", ["videomae", "vivit", "vjepa2"])
@torch.no_grad()
def test_transformers_own_attentions(name: str) -> None:
    torch.manual_seed(0)
    backbone = TransformersBackbone(model=dict(TRANSFORMERS[name], num_hidden_layers=2)).eval()
    before, features = switches(backbone.network), backbone(clips())
    found = backbone.attentions(clips())
    assert switches(backbone.network) == before
    assert torch.equal(backbone(clips()), features)
    backbone.network.set_attn_implementation("eager")
    options = dict(skip_predictor=True) if name == "vjepa2" else {}
    answer = backbone.network(clips().transpose(1, 2), output_attentions=True, **options)
    assert len(found) == len(answer.attentions) == 2
    for attention, heads in zip(found, answer.attentions, strict=True):
        torch.testing.assert_close(attention, heads.mean(1))


@torch.no_grad()
def test_of_each_frame_in_timms_vision_transformer() -> None:
    torch.manual_seed(0)
    backbone = TimmBackbone(model="vit_tiny_patch16_224", model_options=SMALL_VIT).eval()
    before, seen = switches(backbone.network), []
    found = backbone.attentions(clips(3))
    assert switches(backbone.network) == before
    for block in backbone.network.model.blocks:
        block.attn.qkv.register_forward_hook(lambda *given: seen.append(given[-1]))
    backbone(clips(3))
    assert len(found) == len(seen) == 3
    for attention, qkv in zip(found, seen, strict=True):
        query, key, _ = qkv.view(6, 5, 3, 2, 12).permute(2, 0, 3, 1, 4)
        heads = (query @ key.transpose(2, 3) / 12**0.5).softmax(dim=3)
        torch.testing.assert_close(attention, heads.mean(dim=1))


def test_timesformers_attentions_in_loops() -> None:
    """Two clips, three places, four steps; token 1 + 4·place + step."""
    places, steps = range(3), range(4)
    time = torch.rand(2 * 3, 4, 4).softmax(dim=2)
    frame = torch.rand(2 * 4, 1 + 3, 1 + 3).softmax(dim=2)
    joint_time, joint_frame = over_time(time, 2), within_frames(frame, 2)
    expected_time, expected_frame = torch.zeros(2, 13, 13), torch.zeros(2, 13, 13)
    for b in range(2):
        expected_time[b, 0, 0] = 1
        for p, t, s in product(places, steps, steps):
            expected_time[b, 1 + 4 * p + t, 1 + 4 * p + s] = time[3 * b + p, t, s]
        for t in steps:
            expected_frame[b, 0, 0] += frame[4 * b + t, 0, 0] / 4
            for p in places:
                expected_frame[b, 0, 1 + 4 * p + t] = frame[4 * b + t, 0, 1 + p] / 4
                expected_frame[b, 1 + 4 * p + t, 0] = frame[4 * b + t, 1 + p, 0]
                for q in places:
                    expected_frame[b, 1 + 4 * p + t, 1 + 4 * q + t] = frame[4 * b + t, 1 + p, 1 + q]
    torch.testing.assert_close(joint_time, expected_time)
    torch.testing.assert_close(joint_frame, expected_frame)


@torch.no_grad()
def test_timesformer_alternates_time_and_frames() -> None:
    torch.manual_seed(0)
    backbone = TransformersBackbone(model=dict(TRANSFORMERS["timesformer"], num_hidden_layers=2))
    found = backbone.eval().attentions(clips())
    assert [tuple(attention.shape) for attention in found] == [(2, 33, 33)] * 4
    token = torch.arange(32)
    same_place = (token[:, None] // 8) == (token // 8)
    same_step = (token[:, None] % 8) == (token % 8)
    for attention, same in zip(found, [same_place, same_step] * 2, strict=True):
        torch.testing.assert_close(attention.sum(2), torch.ones(2, 33))
        assert torch.equal(attention[:, 1:, 1:] > 0, same.expand(2, -1, -1))


def test_is_as_before_also_when_the_network_raises() -> None:
    backbone = TransformersBackbone(model=TRANSFORMERS["videomae"]).eval()
    before = switches(backbone.network)
    with pytest.raises(ValueError, match="Input image size"):
        backbone.attentions(torch.zeros(1, 3, 8, 64, 64))
    assert switches(backbone.network) == before


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (TimmBackbone, dict(model="resnet18")),
        (
            TimmBackbone,
            dict(model="swin_tiny_patch4_window7_224", model_options=SMALL_SWIN),
        ),
        (TorchvisionBackbone, dict(model="mc3_18")),
    ],
)
def test_refuses_networks_without_attention_of_all_tokens(cls: type, options: dict) -> None:
    side = options.get("model_options", {}).get("img_size", 32)
    backbone = cls(**options).eval()
    with pytest.raises(ConfigError, match="has no attention between all of its tokens"):
        backbone.attentions(torch.zeros(1, 3, 2, side, side))
