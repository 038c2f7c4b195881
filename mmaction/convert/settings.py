"""The settings of a network, read from the names and shapes of its weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mmaction.checkpoint.assumptions import assumptions_of
from mmaction.checkpoint.compatibility import SHOWN_DIFFERENCES, differences
from mmaction.convert.python_text import on_one_line
from mmaction.models.backbones.blocks import Bottleneck3D
from mmaction.models.backbones.resnet3d import ARCHITECTURES
from mmaction.registry import MODELS

STAGES = 4
# What every network here has.
_STEM = (
    "# assumed: stem stride 1x2x2, pool 1x3x3 of stride 1x2x2 behind it and no other pool (pool2),"
    " no dilation, a bottleneck's stride in its 3x3 (style='pytorch', not 'caffe')"
)
_FEATURES = "backbone."
_LAST_STAGE = "perception_branch.stage."


@dataclass(frozen=True)
class ModelSettings:
    """What weights tell of their network.

    Attributes:
        model: A ``model`` for a config whose weights have these names and shapes, or None where
            there is none. A ``Recognizer3D``'s leaves out ``clip_len``.
        assumes: What such a network computes that no weight tells; see ``checkpoint.assumptions``.
        reason: Why there is no such network.
    """

    model: dict[str, Any] | None = None
    assumes: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


def model_settings(
    state: Mapping[str, Tensor], *, assumes: Mapping[str, Any] | None = None
) -> ModelSettings:
    """The config of the network that ``state``, in this project's names, belongs to.

    Args:
        state: An ``STABN``'s or a ``Recognizer3D``'s weights.
        assumes: What is known of the network that no weight tells; None: the defaults are assumed.
    """
    reason = _foreign_kind(state)
    found = _guess(state, (assumes or {}).get("attention_mechanism.final_relu"))
    if reason is not None or found is None:
        return ModelSettings(reason=reason or "its weights are not those of a whole 3D ResNet")
    with torch.device("meta"):
        model: nn.Module = MODELS.build(dict(clip_len=1) | found)
    differing = differences(model, state)
    if differing:
        return ModelSettings(reason="; ".join(differing[:SHOWN_DIFFERENCES]))
    return ModelSettings(found, assumptions_of(model) | dict(assumes or {}))


def _foreign_kind(state: Mapping[str, Tensor]) -> str | None:
    """What of the convolutions no network here has, if anything."""
    stem = state.get("backbone.stem.conv.weight")
    if stem is not None and stem.ndim == 4:
        return "its convolutions see single images (TSN, TSM)"
    for number, stage in enumerate(_stages(state), 1):
        reach: dict[str, set[bool]] = {}
        for name, weight in stage.items():
            found = re.match(r"\d+\.conv(\d)\.weight$", name)
            if found is None or weight.ndim != 5:
                continue
            if weight.shape[1] == 1 < weight.shape[0]:
                return f"stage {number} has channel-separated convolutions (CSN)"
            reach.setdefault(found[1], set()).add(weight.shape[2] > 1)
        if any(len(both) > 1 for both in reach.values()):
            return (
                f"in stage {number} some blocks reach over time and others do not (inflation by"
                " block); model.backbone.inflate says it for a whole stage"
            )
    return None


def _guess(state: Mapping[str, Tensor], final_relu: bool | None) -> dict[str, Any] | None:
    stem = state.get("backbone.stem.conv.weight")
    head = state.get("perception_branch.fc.weight", state.get("head.fc.weight"))
    stages = _stages(state)
    if stem is None or head is None or len(stages) != STAGES:
        return None
    backbone = _backbone(stem, stages)
    if backbone is None:
        return None
    mix = state.get("attention_branch.temporal.mix.weight")
    if mix is None:
        return dict(type="Recognizer3D", num_classes=len(head), backbone=backbone)
    settings = dict(
        type="STABN",
        num_classes=len(head),
        clip_len=len(mix),
        backbone={**backbone, "num_stages": STAGES - 1},
    )
    if final_relu is not None:
        settings["attention_mechanism"] = dict(final_relu=final_relu)
    return settings


def _stages(state: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Each stage's weights, by block and part; the last one may be the perception branch's."""
    stages = []
    for number in range(1, STAGES + 1):
        prefixes = [f"{_FEATURES}layer{number}.", *([_LAST_STAGE] if number == STAGES else [])]
        found = {
            name.removeprefix(prefix): value
            for prefix in prefixes
            for name, value in state.items()
            if name.startswith(prefix)
        }
        if "0.conv1.weight" in found:
            stages.append(found)
    return stages


def _backbone(stem: Tensor, stages: list[dict[str, Tensor]]) -> dict[str, Any] | None:
    bottleneck = "0.conv3.weight" in stages[0]
    blocks = tuple(
        len({m[1] for name in stage if (m := re.match(r"(\d+)\.", name))}) for stage in stages
    )
    depth = next(
        (
            depth
            for depth, (block, counts) in ARCHITECTURES.items()
            if counts == blocks and (block is Bottleneck3D) == bottleneck
        ),
        None,
    )
    if depth is None or stem.ndim != 5:
        return None
    reach = [[stage[f"0.conv{n}.weight"].shape[2] > 1 for n in (1, 2)] for stage in stages]
    return dict(
        type="ResNet3D",
        depth=depth,
        base_channels=len(stem),
        stem_kernel=tuple(stem.shape[2:]),
        inflate=tuple(int(any(stage)) for stage in reach),
        inflate_style="3x3x3" if bottleneck and any(second for _, second in reach) else "3x1x1",
    )


def as_python(settings: Mapping[str, Any], assumes: Mapping[str, Any]) -> str:
    """``settings`` as they stand in a config file, a line each; ``assumes`` as comments before."""
    comments = [f"# assumed: model.{key}={value}" for key, value in assumes.items()]
    if comments:
        told = "# No weight tells, so compare it with the code that trained them:"
        comments = [told, *comments, _STEM]
    lines = "".join(f"    {key}={on_one_line(value)},\n" for key, value in settings.items())
    return "\n".join([*comments, f"model = dict(\n{lines})"])
