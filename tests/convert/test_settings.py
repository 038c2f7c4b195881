from __future__ import annotations

from typing import Any

import pytest
import torch

from mmaction.convert.settings import as_python, model_settings
from mmaction.errors import ConfigError
from mmaction.models import STABN, Recognizer3D

TINY = dict(base_channels=4, stem_kernel=(3, 5, 5), inflate=(1, 0, 1, 0), inflate_style="3x1x1")


@pytest.mark.parametrize("depth", [10, 18, 34, 50, 101, 152])
@pytest.mark.parametrize("attention", [True, False])
def test_a_networks_weights_tell_its_config(depth: int, attention: bool) -> None:
    backbone = dict(type="ResNet3D", depth=depth, **TINY)
    with torch.device("meta"):
        if attention:
            backbone["num_stages"] = 3
            model: Any = STABN(num_classes=5, clip_len=6, backbone=backbone)
            expected = dict(type="STABN", num_classes=5, clip_len=6, backbone=backbone)
        else:
            model = Recognizer3D(num_classes=5, clip_len=6, backbone=backbone)
            expected = dict(type="Recognizer3D", num_classes=5, backbone=backbone)
    assert model_settings(model.state_dict())[0] == expected


@pytest.mark.parametrize("inflate_style", ["3x1x1", "3x3x3"])
def test_both_styles_of_inflation(inflate_style: str) -> None:
    backbone = dict(type="ResNet3D", depth=50) | TINY | dict(inflate_style=inflate_style)
    model = Recognizer3D(num_classes=2, clip_len=4, backbone=backbone)
    found, _ = model_settings(model.state_dict())
    assert found["backbone"] == backbone


def test_the_last_relu_is_passed_on() -> None:
    backbone = dict(type="ResNet3D", depth=10, num_stages=3, **TINY)
    state = STABN(num_classes=5, clip_len=6, backbone=backbone).state_dict()
    found, assumes = model_settings(state, assumes={"attention_mechanism.final_relu": False})
    assert found["attention_mechanism"] == dict(final_relu=False)
    assert assumes == {
        "backbone.stem_temporal_stride": 1,
        "backbone.stem_pool": True,
        "backbone.pool_temporal_strides": [1, 1],
        "backbone.shift_div": 0,
        "backbone.shift_shortcut": False,
        "backbone.non_local_cfg": {},
        "backbone.spatial_strides": [1, 2, 2],
        "backbone.temporal_strides": [1, 1, 1, 1],
        "attention_branch.spatial_stride": 1,
        "perception_branch.spatial_stride": 2,
        "attention_mechanism.final_relu": False,
    }


def test_other_networks_have_no_config_here() -> None:
    backbone = dict(type="ResNet3D", depth=18, **TINY)
    state = Recognizer3D(num_classes=5, clip_len=6, backbone=backbone).state_dict()
    name = "backbone.layer1.1.conv1.weight"
    for other, reason in (
        ({}, "not those of a whole 3D ResNet"),
        ({**state, "other": torch.zeros(1)}, "other is unknown to this network"),
        ({k: v for k, v in state.items() if "layer4" not in k}, "not those of a whole"),
        ({**state, name: state[name][:, :, :1]}, r"layer1\.1\.conv1\.weight is \(4, 4, 1, 3, 3\)"),
        ({**state, name: state[name][:, :1]}, r"stage 1 has channel-separated .*\(CSN\)"),
    ):
        with pytest.raises(ConfigError, match=reason):
            model_settings(other)


def test_it_is_written_as_in_a_config() -> None:
    settings = dict(type="STABN", num_classes=5, backbone=dict(type="ResNet3D", inflate=(0, 1)))
    text = as_python(settings, {"backbone.spatial_strides": [1, 2]})
    lines = text.splitlines()
    assert lines[1] == "# assumed: model.backbone.spatial_strides=[1, 2]"
    assert "no dilation" in lines[2]
    assert lines[4] == '    type="STABN",'
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    assert namespace["model"] == settings
