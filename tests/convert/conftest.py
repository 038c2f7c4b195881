"""Checkpoints in the names of other code, written out by hand, and what their networks compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

CLASSES, FRAMES, WIDTH = 3, 4, 4
State = dict[str, Tensor]


# Where the authors' code and the re-implementation keep each part of the network.
PARTS: dict[str, tuple[Any, Any]] = {
    "stem_conv": ("backbone.conv1", "conv1"),
    "stem_bn": ("backbone.bn1", "bn1"),
    "stages": (
        ("backbone.layer1", "backbone.layer2", "backbone.layer3"),
        ("layer1", "layer2", "layer3"),
    ),
    "attention_stage": ("backbone.att_layer4", "layer_att_common"),
    "bn_stage": ("backbone.bn_att", "conv_att_common.0"),
    "conv_response": ("backbone.att_conv", "conv_att_common.1"),
    "bn_response": ("backbone.bn_att2", "conv_att_common.2"),
    "conv_scores": ("backbone.att_conv2", "conv_att_out.0"),
    "fc_scores": ("necks.att_head.fc", "fc_att_out"),
    "conv_spatial": ("backbone.att_conv3", "conv_spatial_att.0"),
    "bn_spatial": ("backbone.bn_att3", "conv_spatial_att.1"),
    "conv_temporal": ("backbone.t_att_conv", "conv_temp_att1.0"),
    "bn_temporal": ("backbone.t_bn_att", "conv_temp_att1.1"),
    "mix": ("backbone.t_att_conv2", "conv_temp_att2.0"),
    "fc1": ("backbone.fc1", "conv_temp_att3.0"),
    "fc2": ("backbone.fc2", "conv_temp_att3.2"),
    "conv_mechanism": ("backbone.t_att_conv3", "conv_att_mechanism.0"),
    "bn_mechanism": ("backbone.bn_att4", "conv_att_mechanism.1"),
    "perception_stage": ("backbone.layer4", "layer4"),
    "fc": ("cls_head.fc_cls", "fc"),
}
ORIGINAL, REIMPLEMENTATION = (
    SimpleNamespace(**{part: names[code] for part, names in PARTS.items()}) for code in (0, 1)
)


def random_conv(state: State, name: str, *shape: int) -> None:
    state[f"{name}.weight"] = torch.randn(shape) * (2 / torch.tensor(shape[1:]).prod()) ** 0.5


def random_bn(state: State, name: str, channels: int) -> None:
    for part in ("weight", "bias", "running_mean", "running_var"):
        state[f"{name}.{part}"] = torch.rand(channels) + 0.5
    state[f"{name}.num_batches_tracked"] = torch.tensor(7)


def random_linear(state: State, name: str, outputs: int, inputs: int) -> None:
    state[f"{name}.weight"] = torch.randn(outputs, inputs) / inputs**0.5
    state[f"{name}.bias"] = torch.randn(outputs)


def random_stage(
    state: State, name: str, *, into: int, planes: int, blocks: int, bottleneck: bool, taps: int
) -> int:
    """Bottlenecks reach over time in their first convolution, basic blocks in both."""
    out = planes * (4 if bottleneck else 1)
    for i in range(blocks):
        at = f"{name}.{i}"
        if bottleneck:
            random_conv(state, f"{at}.conv1", planes, into, taps, 1, 1)
            random_conv(state, f"{at}.conv2", planes, planes, 1, 3, 3)
            random_conv(state, f"{at}.conv3", out, planes, 1, 1, 1)
        else:
            random_conv(state, f"{at}.conv1", planes, into, taps, 3, 3)
            random_conv(state, f"{at}.conv2", planes, planes, taps, 3, 3)
        for number, channels in enumerate((planes, planes, out)[: 3 if bottleneck else 2], 1):
            random_bn(state, f"{at}.bn{number}", channels)
        if i == 0 and (into != out or not name.endswith("layer1")):
            random_conv(state, f"{at}.downsample.0", out, into, 1, 1, 1)
            random_bn(state, f"{at}.downsample.1", out)
        into = out
    return into


def random_st_abn(names: SimpleNamespace, *, blocks: tuple[int, ...], bottleneck: bool) -> State:
    """Random weights of a network of the paper's architecture in ``names``."""
    state: State = {}
    random_conv(state, names.stem_conv, WIDTH, 3, 1, 7, 7)
    random_bn(state, names.stem_bn, WIDTH)
    # The re-implementation's basic blocks reach over time throughout.
    taps = (1, 1, 3, 3) if bottleneck else (3, 3, 3, 3)
    channels = WIDTH
    for n, name in enumerate(names.stages):
        shape = dict(planes=WIDTH * 2**n, blocks=blocks[n], bottleneck=bottleneck, taps=taps[n])
        channels = random_stage(state, name, into=channels, **shape)
    for name in (names.attention_stage, names.perception_stage):
        shape = dict(planes=WIDTH * 8, blocks=blocks[3], bottleneck=bottleneck, taps=taps[3])
        last = random_stage(state, name, into=channels, **shape)
    for part, *shape in (
        ("conv_response", CLASSES, last, 1, 1, 1),
        ("conv_scores", CLASSES, CLASSES, 1, 1, 1),
        ("conv_spatial", 1, CLASSES, 1, 1, 1),
        ("conv_temporal", 1, CLASSES, 3, 3, 3),
        ("mix", FRAMES, FRAMES, 1, 1),
        ("conv_mechanism", channels, 2 * channels, 1, 1, 1),
    ):
        random_conv(state, getattr(names, part), *shape)
    for part, width in (
        *(("bn_stage", last), ("bn_response", CLASSES), ("bn_spatial", 1), ("bn_temporal", 1)),
        ("bn_mechanism", channels),
    ):
        random_bn(state, getattr(names, part), width)
    random_linear(state, names.fc_scores, CLASSES, CLASSES * FRAMES)
    random_linear(state, names.fc1, FRAMES, FRAMES)
    random_linear(state, names.fc2, FRAMES, FRAMES)
    random_linear(state, names.fc, CLASSES, last)
    return state


def conv(x: Tensor, state: Mapping[str, Tensor], name: str, *, stride: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    padding = tuple(size // 2 for size in weight.shape[2:])
    return F.conv3d(x, weight, stride=(1, stride, stride), padding=padding)


def bn(x: Tensor, state: Mapping[str, Tensor], name: str) -> Tensor:
    mean, var, weight, bias = (
        state[f"{name}.{part}"].reshape(1, -1, 1, 1, 1)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def linear(x: Tensor, state: Mapping[str, Tensor], name: str) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def stage(x: Tensor, state: Mapping[str, Tensor], name: str, *, stride: int) -> Tensor:
    i = 0
    while f"{name}.{i}.conv1.weight" in state:
        at, step = f"{name}.{i}", stride if i == 0 else 1
        bottleneck = f"{at}.conv3.weight" in state
        y = conv(x, state, f"{at}.conv1", stride=1 if bottleneck else step)
        y = bn(y, state, f"{at}.bn1").relu()
        y = bn(conv(y, state, f"{at}.conv2", stride=step if bottleneck else 1), state, f"{at}.bn2")
        if bottleneck:
            y = bn(conv(y.relu(), state, f"{at}.conv3"), state, f"{at}.bn3")
        if f"{at}.downsample.0.weight" in state:
            x = bn(conv(x, state, f"{at}.downsample.0", stride=step), state, f"{at}.downsample.1")
        x = (x + y).relu()
        i += 1
    return x


def st_abn(
    clips: Tensor, state: Mapping[str, Tensor], names: SimpleNamespace, *, relu: bool
) -> list[Tensor]:
    """The paper's formulae: scores, attention scores, A_s as B×T×h×w, A_t as B×T."""
    x = bn(conv(clips, state, names.stem_conv, stride=2), state, names.stem_bn).relu()
    x = F.max_pool3d(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
    for name, stride in zip(names.stages, (1, 2, 2), strict=True):
        x = stage(x, state, name, stride=stride)
    r = bn(stage(x, state, names.attention_stage, stride=1), state, names.bn_stage)
    r = bn(conv(r, state, names.conv_response), state, names.bn_response).relu()
    per_frame = conv(r, state, names.conv_scores).mean(dim=(3, 4))
    attention_scores = linear(per_frame.flatten(1), state, names.fc_scores)
    spatial = bn(conv(r, state, names.conv_spatial), state, names.bn_spatial).sigmoid()
    t = bn(conv(r, state, names.conv_temporal), state, names.bn_temporal).relu()[:, 0]
    t = F.conv2d(t, state[f"{names.mix}.weight"]).relu().mean(dim=(2, 3))
    temporal = linear(linear(t, state, names.fc1).relu(), state, names.fc2).sigmoid()
    both = torch.cat([x * (1 + spatial), x * temporal[:, None, :, None, None]], dim=1)
    y = bn(conv(both, state, names.conv_mechanism), state, names.bn_mechanism)
    y = stage(y.relu() if relu else y, state, names.perception_stage, stride=2)
    return [
        linear(y.mean(dim=(2, 3, 4)), state, names.fc),
        attention_scores,
        spatial[:, 0],
        temporal,
    ]


@dataclass(frozen=True)
class Public:
    """A checkpoint of another code base, as it is in the file, and what its network answers."""

    layout: str
    content: dict[str, object]
    state: State
    answers: Callable[[Tensor], list[Tensor]]


@pytest.fixture(scope="session")
def public() -> dict[str, Public]:
    """Both code bases' checkpoints: the original's with DDP's prefix and parts it does not use."""
    torch.manual_seed(0)
    first = random_st_abn(ORIGINAL, blocks=(3, 4, 6, 3), bottleneck=True)
    unused: State = {}
    random_conv(unused, "necks.tpn.conv", 2, 2, 1, 1, 1)
    random_linear(unused, "necks.aux_head.fc", 2, 2)
    second = random_st_abn(REIMPLEMENTATION, blocks=(2, 2, 2, 2), bottleneck=False)
    whole = {f"module.{n}": v for n, v in {**first, **unused}.items()}
    return {
        "original": Public(
            "st-abn",
            {"state_dict": whole, "meta": {"epoch": 150}},
            first,
            lambda clips: st_abn(clips, first, ORIGINAL, relu=True),
        ),
        "reimplementation": Public(
            "stabn",
            {"model_state_dict": second, "epoch": 3},
            second,
            lambda clips: st_abn(clips, second, REIMPLEMENTATION, relu=False),
        ),
    }


@pytest.fixture(scope="session")
def resnet3d() -> tuple[State, Callable[[Tensor], Tensor]]:
    """A plain 3D ResNet-18 in MMAction's names, and what it answers."""
    torch.manual_seed(1)
    state: State = {}
    random_conv(state, "backbone.conv1", WIDTH, 3, 1, 7, 7)
    random_bn(state, "backbone.bn1", WIDTH)
    channels = WIDTH
    for n, taps in enumerate((1, 1, 3, 3)):
        shape = dict(planes=WIDTH * 2**n, blocks=2, bottleneck=False, taps=taps)
        channels = random_stage(state, f"backbone.layer{n + 1}", into=channels, **shape)
    random_linear(state, "cls_head.fc_cls", CLASSES, channels)

    def answers(clips: Tensor) -> Tensor:
        x = bn(conv(clips, state, "backbone.conv1", stride=2), state, "backbone.bn1").relu()
        x = F.max_pool3d(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        for n in range(4):
            x = stage(x, state, f"backbone.layer{n + 1}", stride=1 if n == 0 else 2)
        return linear(x.mean(dim=(2, 3, 4)), state, "cls_head.fc_cls")

    return state, answers
