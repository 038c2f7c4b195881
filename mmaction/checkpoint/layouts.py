"""How other code names the weights of networks that this project has too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from mmaction.checkpoint.layout import Layout
from mmaction.checkpoint.zoo_layouts import (
    MMACTION,
    MMACTION2,
    PYTORCHVIDEO,
    TORCHVISION,
    TPN,
    TSM,
)
from mmaction.errors import CheckpointError

_ST_ABN = {
    "backbone.spatial_strides": [1, 2, 2],
    "backbone.temporal_strides": [1, 1, 1, 1],
    "attention_branch.spatial_stride": 1,
    "perception_branch.spatial_stride": 2,
}

# What follows a part's name is the same everywhere, such as ``weight`` or ``0.conv1.weight``.
ORIGINAL = Layout(
    name="st-abn",
    title="the authors' ST-ABN",
    mark=r"backbone\.att_layer4\.",
    names=(
        (r"backbone\.(conv|bn)1\.", r"backbone.stem.\1."),
        (r"backbone\.layer4\.", "perception_branch.stage."),
        (r"backbone\.(layer[123])\.", r"backbone.\1."),
        (r"backbone\.att_layer4\.", "attention_branch.stage."),
        (r"backbone\.bn_att\.", "attention_branch.bn_stage."),
        (r"backbone\.att_conv\.", "attention_branch.conv_response."),
        (r"backbone\.bn_att2\.", "attention_branch.bn_response."),
        (r"backbone\.att_conv2\.", "attention_branch.conv_scores."),
        (r"necks\.att_head\.fc\.", "attention_branch.fc_scores."),
        (r"backbone\.att_conv3\.", "attention_branch.conv_spatial."),
        (r"backbone\.bn_att3\.", "attention_branch.bn_spatial."),
        (r"backbone\.t_att_conv\.", "attention_branch.temporal.conv."),
        (r"backbone\.t_bn_att\.", "attention_branch.temporal.bn."),
        (r"backbone\.t_att_conv2\.", "attention_branch.temporal.mix."),
        (r"backbone\.fc([12])\.", r"attention_branch.temporal.fc\1."),
        (r"backbone\.t_att_conv3\.", "attention_mechanism.conv."),
        (r"backbone\.bn_att4\.", "attention_mechanism.bn."),
        (r"cls_head\.fc_cls\.", "perception_branch.fc."),
    ),
    unused=r"necks\.",
    assumes={**_ST_ABN, "attention_mechanism.final_relu": True},
)

REIMPLEMENTATION = Layout(
    name="stabn",
    title="the re-implementation of ST-ABN",
    mark=r"layer_att_common\.",
    names=(
        (r"(conv|bn)1\.", r"backbone.stem.\1."),
        (r"layer4\.", "perception_branch.stage."),
        (r"(layer[123])\.", r"backbone.\1."),
        (r"fc\.", "perception_branch.fc."),
        (r"layer_att_common\.", "attention_branch.stage."),
        (r"conv_att_common\.0\.", "attention_branch.bn_stage."),
        (r"conv_att_common\.1\.", "attention_branch.conv_response."),
        (r"conv_att_common\.2\.", "attention_branch.bn_response."),
        (r"conv_att_out\.0\.", "attention_branch.conv_scores."),
        (r"fc_att_out\.", "attention_branch.fc_scores."),
        (r"conv_spatial_att\.0\.", "attention_branch.conv_spatial."),
        (r"conv_spatial_att\.1\.", "attention_branch.bn_spatial."),
        (r"conv_temp_att1\.0\.", "attention_branch.temporal.conv."),
        (r"conv_temp_att1\.1\.", "attention_branch.temporal.bn."),
        (r"conv_temp_att2\.0\.", "attention_branch.temporal.mix."),
        (r"conv_temp_att3\.0\.", "attention_branch.temporal.fc1."),
        (r"conv_temp_att3\.2\.", "attention_branch.temporal.fc2."),
        (r"conv_att_mechanism\.0\.", "attention_mechanism.conv."),
        (r"conv_att_mechanism\.1\.", "attention_mechanism.bn."),
    ),
    assumes={**_ST_ABN, "attention_mechanism.final_relu": False},
)


def _efficientnet_names(blocks: Sequence[int]) -> tuple[tuple[str, str], ...]:
    """From efficientnet_pytorch's names, blocks in one row, to timm's, blocks by stage."""
    names = [(r"_conv_stem\.", "conv_stem."), (r"_bn0\.", "bn1."), (r"_fc\.", "classifier.")]
    names += [(r"_conv_head\.", "conv_head."), (r"_bn1\.", "bn2.")]
    # A block without an expansion has one convolution less.
    first = dict(_depthwise_conv="conv_dw", _bn1="bn1", _project_conv="conv_pw", _bn2="bn2")
    others = dict(_expand_conv="conv_pw", _bn0="bn1", _depthwise_conv="conv_dw", _bn1="bn2")
    others |= dict(_project_conv="conv_pwl", _bn2="bn3")
    places = [(stage, n) for stage, count in enumerate(blocks) for n in range(count)]
    for number, (stage, n) in enumerate(places):
        for theirs, own in (others if stage else first).items():
            names.append((rf"_blocks\.{number}\.{theirs}\.", f"blocks.{stage}.{n}.{own}."))
    return tuple(names)


EFFICIENTNET_LITE0 = Layout(
    name="efficientnet_lite0",
    title="EfficientNet-Lite0 of efficientnet_pytorch",
    mark=r"_conv_stem\.",
    names=_efficientnet_names((1, 2, 2, 3, 3, 4, 1)),
    model=dict(
        backbone=dict(type="TimmBackbone", model="tf_efficientnet_lite0"),
        data_preprocessor=dict(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5)),
    ),
)

PLAIN = Layout(
    name="plain",
    title="this project's names",
    mark=r"backbone\.stem\.conv\.",
    names=((r"", ""),),
)

_RESNET = re.compile(r"backbone\.(stem|layer\d)\.")

LAYOUTS = {
    layout.name: layout
    for layout in (
        *(ORIGINAL, REIMPLEMENTATION, TPN, MMACTION, MMACTION2, TSM, PYTORCHVIDEO),
        *(TORCHVISION, EFFICIENTNET_LITE0, PLAIN),
    )
}


@dataclass
class Renamed:
    """A checkpoint's weights in this project's names.

    Attributes:
        state: Weights by name.
        theirs: The names they had, by this project's.
        dropped: How many were left out, by the start of their names, such as ``necks.tpn``.
        unknown: Names that the layout has not.
    """

    state: dict[str, Tensor] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)


def recognised(state: Collection[str]) -> Layout | None:
    """Whose names a whole checkpoint has, if it is known here."""
    return next((layout for layout in LAYOUTS.values() if layout.recognises(state)), None)


def of_clips(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Kernels of a ``ResNet3D`` for images, O×I×h×w, as those of clips, O×I×1×h×w."""
    return {
        name: value.unsqueeze(2) if value.ndim == 4 and _RESNET.match(name) else value
        for name, value in state.items()
    }


def renamed(state: Mapping[str, Tensor], layout: Layout, *, source: str | Path) -> Renamed:
    """Gives the weights this project's names.

    Args:
        state: Weights by name, without ``module.``.
        layout: Whose names they have.
        source: What messages call the checkpoint.

    Raises:
        CheckpointError: Two weights become one.
    """
    found = Renamed()
    for name, value in state.items():
        try:
            own = layout.rename(name)
        except KeyError:
            found.unknown.append(name)
            continue
        if own is None:
            found.dropped[".".join(name.split(".")[:2])] += 1
        elif own in found.state:
            raise CheckpointError(f"{source}: two weights become {own}, one of them {name}")
        else:
            found.state[own], found.theirs[own] = value, name
    # Norms' counters of batches where they are missing: torch has them since 0.4.1.
    for name in [n for n in found.state if n.endswith(".running_mean")]:
        counter = name.replace("running_mean", "num_batches_tracked")
        found.state.setdefault(counter, torch.tensor(0))
    return found
