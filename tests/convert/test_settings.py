from __future__ import annotations

from typing import Any

import pytest
import torch

from mmaction.convert.settings import as_python, model_settings
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
    assert model_settings(model.state_dict()) == expected


@pytest.mark.parametrize("inflate_style", ["3x1x1", "3x3x3"])
def test_both_styles_of_inflation(inflate_style: str) -> None:
    backbone = dict(type="ResNet3D", depth=50) | TINY | dict(inflate_style=inflate_style)
    model = Recognizer3D(num_classes=2, clip_len=4, backbone=backbone)
    found = model_settings(model.state_dict())
    assert found is not None
    assert found["backbone"] == backbone


def test_the_last_relu_is_passed_on() -> None:
    backbone = dict(type="ResNet3D", depth=10, num_stages=3, **TINY)
    state = STABN(num_classes=5, clip_len=6, backbone=backbone).state_dict()
    found = model_settings(state, final_relu=False)
    assert found is not None
    assert found["attention_mechanism"] == dict(final_relu=False)


def test_other_networks_have_no_config_here() -> None:
    backbone = dict(type="ResNet3D", depth=18, **TINY)
    state = Recognizer3D(num_classes=5, clip_len=6, backbone=backbone).state_dict()
    assert model_settings({}) is None
    assert model_settings({**state, "other": torch.zeros(1)}) is None
    assert model_settings({k: v for k, v in state.items() if "layer4" not in k}) is None
    # One block of a stage reaches over time, the other does not.
    name = "backbone.layer1.1.conv1.weight"
    assert model_settings({**state, name: state[name][:, :, :1]}) is None


def test_it_is_written_as_in_a_config() -> None:
    settings = dict(type="STABN", num_classes=5, backbone=dict(type="ResNet3D", inflate=(0, 1)))
    text = as_python(settings)
    assert text.splitlines()[1] == '    type="STABN",'
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    assert namespace["model"] == settings
