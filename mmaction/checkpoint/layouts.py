"""How other code names the weights of networks that this project has too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmaction.errors import CheckpointError


@dataclass(frozen=True)
class Layout:
    """One code base's names.

    Attributes:
        name: What ``--from`` calls it.
        title: What a message calls it.
        mark: A pattern that one of its names starts with, and no other layout's does.
        names: Patterns of the starts of its names, and the starts of this project's names for the
            same weights. The first that fits counts.
        unused: Pattern of what it carries and its network does not use, or this project's has not.
        assumes: What its networks compute that no weight tells, by the keys of
            ``checkpoint.assumptions``; None where it makes networks of many kinds.
        model: What a config's ``model`` says of a backbone of another library whose weights they
            are, and whose names they get; None where they are those of a network of this project.
    """

    name: str
    title: str
    mark: str
    names: tuple[tuple[str, str], ...]
    unused: str | None = None
    assumes: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None

    def recognises(self, names: Collection[str]) -> bool:
        """Whether ``names``, of a whole checkpoint, are this layout's."""
        return any(re.match(self.mark, name) for name in names)

    def rename(self, name: str) -> str | None:
        """This project's name for the weight, or None where it is left out.

        Raises:
            KeyError: The layout has no such name.
        """
        for pattern, own in self.names:
            found = re.match(pattern, name)
            if found:
                return found.expand(own) + name[found.end() :]
        if self.unused is not None and re.match(self.unused, name):
            return None
        raise KeyError(name)


_ST_ABN = {
    "backbone.spatial_strides": [1, 2, 2],
    "backbone.temporal_strides": [1, 1, 1, 1],
    "attention_branch.spatial_stride": 1,
    "perception_branch.spatial_stride": 2,
}

# What follows a part's name is the same everywhere, such as ``weight`` or ``0.conv1.weight``.
ORIGINAL = Layout(
    name="st_abn_original",
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
    name="st_abn_reimplementation",
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

# Of MMAction (``conv1``, ``bn1``) and of MMAction2 (``conv1.conv``, ``conv1.bn``) alike.
_BLOCK = r"backbone\.(layer\d\.\d+)\."
MMACTION = Layout(
    name="mmaction",
    title="a 3D ResNet of MMAction",
    mark=r"backbone\.conv1\.(conv\.)?weight",
    names=(
        (r"backbone\.conv1\.(conv|bn)\.", r"backbone.stem.\1."),
        (r"backbone\.(conv|bn)1\.", r"backbone.stem.\1."),
        (_BLOCK + r"conv(\d)\.conv\.", r"backbone.\1.conv\2."),
        (_BLOCK + r"conv(\d)\.bn\.", r"backbone.\1.bn\2."),
        (_BLOCK + r"downsample\.conv\.", r"backbone.\1.downsample.0."),
        (_BLOCK + r"downsample\.bn\.", r"backbone.\1.downsample.1."),
        (_BLOCK + r"((?:conv|bn)\d|downsample\.[01])\.", r"backbone.\1.\2."),
        (r"cls_head\.fc_cls\.", "head.fc."),
    ),
    unused=r"data_preprocessor\.",
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

LAYOUTS = {
    layout.name: layout
    for layout in (ORIGINAL, REIMPLEMENTATION, MMACTION, EFFICIENTNET_LITE0, PLAIN)
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
