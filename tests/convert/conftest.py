"""Checkpoints of ST-ABN in the names of other code, and what their networks compute."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.convert.zoo import Net, State, in_their_names, plain, random_state, resnet

A = "attention_branch."
# Where this project, the authors' code and the re-implementation keep each part of the network.
PARTS = (
    ("backbone.stem.conv", "backbone.conv1", "conv1"),
    ("backbone.stem.bn", "backbone.bn1", "bn1"),
    *((f"backbone.layer{n}", f"backbone.layer{n}", f"layer{n}") for n in (1, 2, 3)),
    (f"{A}stage", "backbone.att_layer4", "layer_att_common"),
    (f"{A}bn_stage", "backbone.bn_att", "conv_att_common.0"),
    (f"{A}conv_response", "backbone.att_conv", "conv_att_common.1"),
    (f"{A}bn_response", "backbone.bn_att2", "conv_att_common.2"),
    (f"{A}conv_scores", "backbone.att_conv2", "conv_att_out.0"),
    (f"{A}fc_scores", "necks.att_head.fc", "fc_att_out"),
    (f"{A}conv_spatial", "backbone.att_conv3", "conv_spatial_att.0"),
    (f"{A}bn_spatial", "backbone.bn_att3", "conv_spatial_att.1"),
    (f"{A}temporal.conv", "backbone.t_att_conv", "conv_temp_att1.0"),
    (f"{A}temporal.bn", "backbone.t_bn_att", "conv_temp_att1.1"),
    (f"{A}temporal.mix", "backbone.t_att_conv2", "conv_temp_att2.0"),
    (f"{A}temporal.fc1", "backbone.fc1", "conv_temp_att3.0"),
    (f"{A}temporal.fc2", "backbone.fc2", "conv_temp_att3.2"),
    ("attention_mechanism.conv", "backbone.t_att_conv3", "conv_att_mechanism.0"),
    ("attention_mechanism.bn", "backbone.bn_att4", "conv_att_mechanism.1"),
    ("perception_branch.stage", "backbone.layer4", "layer4"),
    ("perception_branch.fc", "cls_head.fc_cls", "fc"),
)
ORIGINAL, REIMPLEMENTATION = (
    [(rf"^{re.escape(names[0])}\.", f"{names[code]}.") for names in PARTS] for code in (1, 2)
)


def random_st_abn(depth: int, **inflate: Any) -> dict[str, Tensor]:
    """Random weights of a network of the paper's architecture."""
    backbone = dict(type="ResNet3D", depth=depth, num_stages=3, base_channels=4, **inflate)
    return random_state(dict(type="STABN", num_classes=3, clip_len=4, backbone=backbone))


def attention(net: Net, x: Tensor) -> list[Tensor]:
    """The paper's formulae on the branch's stage: R, scores, A_s (B×1×T×h×w), A_t (B×1×T×1×1)."""
    x = net.bn(x, f"{A}bn_stage")
    r = net.bn(net.conv(x, f"{A}conv_response"), f"{A}bn_response").relu()
    per_frame = net.conv(r, f"{A}conv_scores").mean(dim=(3, 4))
    scores = net.linear(per_frame.flatten(1), f"{A}fc_scores")
    spatial = net.bn(net.conv(r, f"{A}conv_spatial"), f"{A}bn_spatial").sigmoid()
    t = net.relu(r, f"{A}temporal")[:, 0]
    t = F.conv2d(t, net.w[f"{A}temporal.mix.weight"]).relu().mean(dim=(2, 3))
    t = net.linear(net.linear(t, f"{A}temporal.fc1").relu(), f"{A}temporal.fc2").sigmoid()
    return [r, scores, spatial, t[:, None, :, None, None]]


def st_abn(clips: Tensor, w: State, *, relu: bool) -> list[Tensor]:
    """The paper's formulae: scores, attention scores, A_s as B×T×h×w, A_t as B×T."""
    net = Net(w)
    x = F.max_pool3d(
        net.relu(clips, "backbone.stem", s=2), (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)
    )
    for n in (1, 2, 3):
        x = net.stage(x, f"backbone.layer{n}", s=min(n, 2))
    _, attention_scores, spatial, temporal = attention(net, net.stage(x, f"{A}stage"))
    both = torch.cat([x * (1 + spatial), x * temporal], dim=1)
    y = net.bn(net.conv(both, "attention_mechanism.conv"), "attention_mechanism.bn")
    y = net.stage(y.relu() if relu else y, "perception_branch.stage", s=2)
    scores = net.linear(y.mean(dim=(2, 3, 4)), "perception_branch.fc")
    return [scores, attention_scores, spatial[:, 0], temporal.flatten(1)]


@dataclass(frozen=True)
class Public:
    """A checkpoint of another code base, as it is in the file, and what its network answers."""

    layout: str
    content: dict[str, object]
    state: State
    answers: Callable[[Tensor], list[Tensor]]


@pytest.fixture(scope="session")
def public() -> dict[str, Public]:
    """Both code bases' checkpoints: the original's with DDP's prefix and parts it does not use.

    The re-implementation's basic blocks reach over time throughout.
    """
    torch.manual_seed(0)
    first, second = random_st_abn(50), random_st_abn(18, inflate=(1, 1, 1, 1))
    theirs = in_their_names(first, ORIGINAL), in_their_names(second, REIMPLEMENTATION)
    unused = {
        "necks.tpn.conv.weight": torch.zeros(2, 2, 1, 1, 1),
        "necks.aux_head.fc.weight": torch.zeros(2, 2),
        "necks.aux_head.fc.bias": torch.zeros(2),
    }
    whole = {f"module.{n}": v for n, v in {**theirs[0], **unused}.items()}
    return {
        "original": Public(
            "st-abn",
            {"state_dict": whole, "meta": {"epoch": 150}},
            theirs[0],
            lambda clips: st_abn(clips, first, relu=True),
        ),
        "reimplementation": Public(
            "stabn",
            {"model_state_dict": theirs[1], "epoch": 3},
            theirs[1],
            lambda clips: st_abn(clips, second, relu=False),
        ),
    }


@pytest.fixture(scope="session")
def resnet3d() -> dict[str, Tensor]:
    """Weights of a plain 3D ResNet-18, in this project's names."""
    torch.manual_seed(1)
    return random_state(plain(resnet(18), clip_len=4))
