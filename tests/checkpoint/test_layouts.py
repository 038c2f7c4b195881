from __future__ import annotations

from typing import Any

import pytest
import torch

from mmaction.checkpoint.layouts import (
    LAYOUTS,
    MMACTION,
    MMACTION2,
    ORIGINAL,
    PLAIN,
    REIMPLEMENTATION,
)
from mmaction.models import Recognizer3D
from tests.convert.zoo import MMACTION as THEIR_NAMES
from tests.convert.zoo import in_their_names


def test_each_recognises_its_own_names_first(public: dict[str, Any], resnet3d: Any) -> None:
    backbone = dict(type="ResNet3D", depth=10, base_channels=4)
    with torch.device("meta"):
        plain = Recognizer3D(num_classes=2, clip_len=2, backbone=backbone).state_dict()
    for names, expected in (
        (public["original"].state, ORIGINAL),
        (public["reimplementation"].state, REIMPLEMENTATION),
        (in_their_names(resnet3d, THEIR_NAMES), MMACTION),
        (plain, PLAIN),
    ):
        found = next(layout for layout in LAYOUTS.values() if layout.recognises(names))
        assert found is expected


@pytest.mark.parametrize(
    ("layout", "name", "own"),
    [
        (ORIGINAL, "backbone.bn_att2.running_var", "attention_branch.bn_response.running_var"),
        (ORIGINAL, "backbone.bn_att.weight", "attention_branch.bn_stage.weight"),
        (ORIGINAL, "backbone.layer3.5.bn3.bias", "backbone.layer3.5.bn3.bias"),
        (ORIGINAL, "backbone.fc2.bias", "attention_branch.temporal.fc2.bias"),
        (ORIGINAL, "necks.tpn.fc.weight", None),
        (REIMPLEMENTATION, "fc.bias", "perception_branch.fc.bias"),
        (REIMPLEMENTATION, "conv_temp_att3.2.bias", "attention_branch.temporal.fc2.bias"),
        (MMACTION2, "backbone.conv1.bn.weight", "backbone.stem.bn.weight"),
        (
            MMACTION2,
            "backbone.layer4.0.downsample.bn.running_mean",
            "backbone.layer4.0.downsample.1.running_mean",
        ),
    ],
)
def test_names(layout: Any, name: str, own: str | None) -> None:
    assert layout.rename(name) == own


@pytest.mark.parametrize(
    ("layout", "name"),
    [(ORIGINAL, "conv1.weight"), (REIMPLEMENTATION, "fc2.bias"), (MMACTION, "backbone.layer1.x")],
)
def test_names_it_has_not(layout: Any, name: str) -> None:
    with pytest.raises(KeyError, match=name):
        layout.rename(name)
