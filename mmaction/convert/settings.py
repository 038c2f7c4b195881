"""The settings of a network, read from the names and shapes of its weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmaction.checkpoint.assumptions import assumptions_of
from mmaction.checkpoint.compatibility import SHOWN_DIFFERENCES, differences
from mmaction.convert.python_text import python_text
from mmaction.errors import ConfigError
from mmaction.models.backbones.blocks import ARCHITECTURES, Bottleneck3D
from mmaction.registry import MODELS

STAGES = 4
# What every network here has.
_ALWAYS = "# assumed: no dilation, a bottleneck's stride in its 3x3 (style='pytorch', not 'caffe')"
# I3D's stem reaches over so many frames; SlowOnly's over one.
_I3D_TAPS = 5
# That TPN's pyramid can be built for, whatever its steps.
_ANY_LENGTH = 32
_NOT_WHOLE = "its weights are not those of a whole 3D ResNet"
_LAST_STAGE = "perception_branch.stage."


def model_settings(
    state: Mapping[str, Tensor],
    *,
    assumes: Mapping[str, Any] | None = None,
    backbone: Mapping[str, Any] | None = None,
    images: bool = False,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The config of the network that ``state``, in this project's names, belongs to.

    Args:
        state: An ``STABN``'s, a ``Recognizer3D``'s or a ``Recognizer2D``'s weights.
        assumes: What is known of the network that no weight tells; None: the defaults are assumed.
        backbone: What is known of its backbone, by the options of ``ResNet3D``.
        images: Its kernels were those of images.

    Returns:
        A ``model`` for a config, whose weights have these names and shapes; without attention it
        leaves out ``clip_len``. And what such a network computes that no weight tells; see
        ``checkpoint.assumptions``.

    Raises:
        ConfigError: There is no such network here; the message is the reason.
    """
    _refuse_separated(state)
    found = _guess(state, (assumes or {}).get("attention_mechanism.final_relu"))
    if images:
        found |= dict(type="Recognizer2D")
    found["backbone"] |= _known(backbone or {}, found["backbone"]["inflate"])
    with torch.device("meta"):
        model: nn.Module = MODELS.build(dict(clip_len=_ANY_LENGTH) | found)
    differing = differences(model, state)
    if differing:
        raise ConfigError("; ".join(differing[:SHOWN_DIFFERENCES]))
    return found, assumptions_of(model) | dict(assumes or {})


def _known(backbone: Mapping[str, Any], inflate: tuple[Any, ...]) -> dict[str, Any]:
    """What a layout says of its backbones; a stage without reach over time has no stride there."""
    strides = backbone.get("temporal_strides")
    if strides is None:
        return dict(backbone)
    reached = tuple(s if reach else 1 for s, reach in zip(strides, inflate, strict=True))
    return {**backbone, "temporal_strides": reached}


def _refuse_separated(state: Mapping[str, Tensor]) -> None:
    """Refuses convolutions that no network here has."""
    for number, stage in enumerate(_stages(state), 1):
        for name, weight in stage.items():
            found = re.match(r"\d+\.conv(\d)\.weight$", name)
            if found and weight.ndim == 5 and weight.shape[1] == 1 < weight.shape[0]:
                raise ConfigError(f"stage {number} has channel-separated convolutions (CSN)")


def _guess(state: Mapping[str, Tensor], final_relu: bool | None) -> dict[str, Any]:
    stem = {
        name.removeprefix("backbone.stem."): value
        for name, value in state.items()
        if name.startswith("backbone.stem.conv") and value.ndim > 1  # no norms within
    }
    head = state.get("perception_branch.fc.weight", state.get("head.fc.weight"))
    stages = _stages(state)
    if not stem or head is None or len(stages) != STAGES:
        raise ConfigError(_NOT_WHOLE)
    backbone = _backbone(stem, stages)
    mix = state.get("attention_branch.temporal.mix.weight")
    if mix is None:
        settings = dict(type="Recognizer3D", num_classes=len(head), backbone=backbone)
        return settings | _neck(state, backbone)
    settings = dict(
        type="STABN",
        num_classes=len(head),
        clip_len=len(mix),
        backbone={**backbone, "num_stages": STAGES - 1},
    )
    if final_relu is not None:
        settings["attention_mechanism"] = dict(final_relu=final_relu)
    return settings


def _neck(state: Mapping[str, Tensor], backbone: dict[str, Any]) -> dict[str, Any]:
    """TPN's, if there is one; its pyramid of a deeper network keeps more steps."""
    width = state.get("neck.temporal.0.conv.weight")
    if width is None:
        return {}
    backbone["out_stages"] = (3, 4)
    neck = dict(type="TPN", channels=len(width), steps=(2, 1) if backbone["depth"] > 50 else (1, 1))
    if "neck.auxiliary.fc.weight" not in state:
        neck["auxiliary_weight"] = 0.0
    return dict(neck=neck)


def _stages(state: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Each stage's weights, by block and part; the last one may be the perception branch's."""
    stages = []
    for number in range(1, STAGES + 1):
        prefixes = [f"backbone.layer{number}.", *([_LAST_STAGE] if number == STAGES else [])]
        found = {
            name.removeprefix(prefix): value
            for prefix in prefixes
            for name, value in state.items()
            if name.startswith(prefix)
        }
        if "0.bn1.weight" in found:
            stages.append(found)
    return stages


def _backbone(stem: Mapping[str, Tensor], stages: list[dict[str, Tensor]]) -> dict[str, Any]:
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
    if depth is None or any(weight.ndim != 5 for weight in stem.values()):
        raise ConfigError(_NOT_WHOLE)
    reach = [[_reach(stage, i) for i in range(n)] for stage, n in zip(stages, blocks, strict=True)]
    kernel, style = _stem_kernel(stem), "3x1x1"
    if "0.conv1.conv_s.weight" in stages[0]:
        style = "2+1d-shared" if "conv_t.weight" in stem else "2+1d"
    elif bottleneck and any(second for stage in reach for _, second in stage):
        style = "3x3x3"
    found = dict(
        type="ResNet3D",
        depth=depth,
        base_channels=len(stages[0]["0.bn1.weight"]),
        stem_kernel=kernel,
        inflate=tuple(_in_short([int(any(block)) for block in stage]) for stage in reach),
        inflate_style=style,
    )
    return found | _strides(found) | _non_local(stages, blocks, taps=kernel[0])


def _reach(stage: Mapping[str, Tensor], block: int) -> list[bool]:
    """Whether the first two convolutions of a block reach over time."""
    return [
        any(
            stage[name].shape[2] > 1
            for name in (f"{block}.conv{n}.weight", f"{block}.conv{n}.conv_t.weight")
            if name in stage
        )
        for n in (1, 2)
    ]


def _stem_kernel(stem: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Over T, H and W, of one convolution or of both steps."""
    taps = max(weight.shape[2] for weight in stem.values())
    return (taps, *next(iter(stem.values())).shape[3:])


def _in_short(flags: list[int]) -> int | tuple[int, ...]:
    """One number for a stage whose blocks are alike."""
    return flags[0] if len(set(flags)) == 1 else tuple(flags)


def _strides(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """The strides that public networks with these kernels have, where they are not the default."""
    if backbone["inflate_style"] == "2+1d":
        return dict(temporal_strides=(1, 2, 2, 2), norm_cfg=dict(type="BN3d", eps=1e-3))
    if backbone["stem_kernel"][0] != _I3D_TAPS:
        return {}
    if backbone["inflate"] == (1, 1, 1, 1):  # its heavier kind
        return dict(pool_temporal_strides=(1, 2))
    return dict(stem_temporal_stride=2, pool_temporal_strides=(2, 2))


def _non_local(
    stages: list[dict[str, Tensor]], blocks: tuple[int, ...], *, taps: int
) -> dict[str, Any]:
    """Which blocks a non-local one follows."""
    part = "{}.non_local_block.conv_out.conv.weight"
    after = [
        [int(part.format(i) in stage) for i in range(n)]
        for stage, n in zip(stages, blocks, strict=True)
    ]
    names = {name for stage in stages for name in stage if ".non_local_block." in name}
    if not names:
        return {}
    embedded = any(".theta." in name for name in names)
    cfg = dict(
        mode="embedded_gaussian" if embedded else "gaussian",
        sub_sample=not embedded or any(".phi.0." in name for name in names),
        use_scale=embedded and taps == 1,
    )
    return dict(non_local=tuple(_in_short(stage) for stage in after), non_local_cfg=cfg)


def as_python(settings: Mapping[str, Any], assumes: Mapping[str, Any]) -> str:
    """``settings`` as they stand in a config file, a line each; ``assumes`` as comments before."""
    comments = [f"# assumed: model.{key}={value}" for key, value in assumes.items() if value]
    if comments:
        told = "# No weight tells, so compare it with the code that trained them:"
        comments = [told, *comments, _ALWAYS]
    lines = "".join(f"    {key}={python_text(value)},\n" for key, value in settings.items())
    return "\n".join([*comments, f"model = dict(\n{lines})"])
