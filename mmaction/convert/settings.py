"""The settings of a network, read from the names and shapes of its weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmaction.models.backbones.blocks import Bottleneck3D
from mmaction.models.backbones.resnet3d import ARCHITECTURES
from mmaction.registry import MODELS

STAGES = 4
_FEATURES = "backbone."
_LAST_STAGE = "perception_branch.stage."


def model_settings(
    state: Mapping[str, Tensor], *, final_relu: bool | None = None
) -> dict[str, Any] | None:
    """The config of the network that ``state``, in this project's names, belongs to.

    Weights do not tell strides and pools: those stay at their defaults.

    Args:
        state: An ``STABN``'s or a ``Recognizer3D``'s weights.
        final_relu: Whether the attention mechanism ends in a ReLU, which no weight tells.

    Returns:
        A ``model`` for a config whose weights have these names and shapes, or None where there is
        none. A ``Recognizer3D``'s leaves out ``clip_len``, which its weights do not depend on.
    """
    found = _guess(state, final_relu)
    return found if found is not None and _fits(found, state) else None


def _fits(settings: dict[str, Any], state: Mapping[str, Tensor]) -> bool:
    with torch.device("meta"):
        model: nn.Module = MODELS.build(dict(clip_len=1) | settings)
    own = {name: value.shape for name, value in model.state_dict().items()}
    return own == {name: value.shape for name, value in state.items()}


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


def as_python(settings: Mapping[str, Any]) -> str:
    """``settings`` as they stand in a config file, a line each."""
    lines = "".join(f"    {key}={_value(value)},\n" for key, value in settings.items())
    return f"model = dict(\n{lines})"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"dict({', '.join(f'{k}={_value(v)}' for k, v in value.items())})"
    return repr(value).replace("'", '"')
