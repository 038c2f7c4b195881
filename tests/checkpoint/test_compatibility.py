from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import nn

from mmaction.checkpoint.compatibility import (
    differences,
    in_own_names,
    load_weights,
    require_same_architecture,
    require_training_state,
)
from mmaction.convert.conversion import convert
from mmaction.errors import CheckpointError, ConfigError
from mmaction.registry import MODELS


def network(classes: int = 3) -> nn.Module:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, classes))
    assert len(net.state_dict()) == 9
    return net


def test_the_same_architecture_has_no_differences() -> None:
    assert differences(network(), network().state_dict()) == []
    require_same_architecture(network(), network().state_dict(), "x.pth")


def test_differences_name_keys_and_shapes() -> None:
    state = network(5).state_dict()
    del state["1.running_var"]
    state["head.weight"] = torch.zeros(1)
    assert differences(network(3), state) == [
        "1.running_var is missing",
        "2.weight is (5, 4) there, (3, 4) in this network",
        "2.bias is (5,) there, (3,) in this network",
        "head.weight is unknown to this network",
    ]
    with pytest.raises(
        CheckpointError,
        match=r"^checkpoint x\.pth is of another architecture: 1\.running_var is missing; "
        r"2\.weight is .*; 2\.bias is .*; and 1 more$",
    ):
        require_same_architecture(network(3), state, "x.pth")


def test_what_fits_is_taken_and_counted() -> None:
    """12 + 4 of the convolution, 4 + 4 of the norm, 4·3 + 3 of the linear: 39 parameters."""
    state = network(5).state_dict()
    del state["1.running_var"]
    state["head.weight"] = torch.zeros(1)
    net = network(3)
    said = load_weights(net, {"state_dict": state}, "x.pth", strict=False)
    assert said is not None
    assert said.startswith(
        "x.pth: fills 24 of 39 parameters; 3 weights differ and keep their start values, 1 of the"
        " file have no place here, such as: 1.running_var is missing; 2.weight is "
    )
    for name, value in net.state_dict().items():
        if name in state and not name.startswith("2."):
            assert torch.equal(value, state[name])
    assert load_weights(net, {"state_dict": net.state_dict()}, "x.pth", strict=False) is None


def test_half_of_the_parameters_counts_not_half_of_the_entries() -> None:
    """The norm's five entries and the convolution's two are most of nine, but 24 of 424 numbers."""
    state = network(100).state_dict()
    state["2.weight"] = state["2.bias"] = torch.zeros(1)
    content = {"state_dict": state}
    with pytest.raises(
        CheckpointError,
        match=r"x\.pth is of another architecture: it fills 24 of 524 parameters.*2\.weight is"
        r".*--cfg-options load_partly=True",
    ):
        load_weights(network(100), content, "x.pth", strict=False)
    net = network(100)
    said = load_weights(net, content, "x.pth", strict=False, partly=True)
    assert said is not None
    assert "fills 24 of 524 parameters; 2 weights differ" in said
    assert torch.equal(net.state_dict()["0.weight"], state["0.weight"])


@pytest.mark.parametrize("which", ["original", "reimplementation"])
def test_a_foreign_checkpoint_is_renamed(public: dict[str, Any], which: str) -> None:
    state = {name.removeprefix("module."): v for name, v in public[which].state.items()}
    found = convert(state, source="x.pth")
    model = MODELS.build(found.settings)
    content, said = in_own_names(model, {"state_dict": state, "meta": {}}, "x.pth")
    assert said is not None
    assert said.startswith(f"x.pth: {found.layout.title}, its weights are renamed")
    assert content["state_dict"].keys() == model.state_dict().keys()
    assert load_weights(model, content, "x.pth", strict=True) is None
    own, said = in_own_names(model, {"state_dict": model.state_dict()}, "x.pth")
    assert (own["state_dict"].keys(), said) == (model.state_dict().keys(), None)


def test_a_foreign_checkpoint_is_compared_with_the_network(public: dict[str, Any]) -> None:
    """What no weight tells: the last ReLU, and strides."""
    state = public["reimplementation"].state
    settings = convert(state, source="x.pth").settings
    assert settings is not None
    for change, expected in (
        (dict(attention_mechanism=dict(final_relu=True)), r"attention_mechanism\.final_relu=False"),
        (dict(attention_branch=dict(spatial_stride=2)), r"attention_branch\.spatial_stride=1"),
        (dict(perception_branch=dict(spatial_stride=1)), r"perception_branch\.spatial_stride=2"),
        (
            dict(backbone=settings["backbone"] | dict(spatial_strides=(1, 2, 1, 2))),
            r"backbone\.spatial_strides=\[1, 2, 2\], the config says \[1, 2, 1\]",
        ),
        (
            dict(backbone=settings["backbone"] | dict(temporal_strides=(1, 2, 1, 1))),
            r"backbone\.temporal_strides=\[1, 1, 1, 1\]",
        ),
    ):
        model = MODELS.build(settings | change | dict(clip_len=4))
        content, _ = in_own_names(model, {"state_dict": state}, "x.pth")
        if "temporal" in expected:  # its linears are for fewer steps
            with pytest.raises(CheckpointError, match="another architecture"):
                load_weights(model, content, "x.pth", strict=True)
        else:
            with pytest.raises(ConfigError, match=rf"x\.pth is for model\.{expected}"):
                load_weights(model, content, "x.pth", strict=True)
        said = load_weights(model, content, "x.pth", strict=False)
        assert said is not None
        assert re.search(rf"it is for model\.{expected}", said)


def test_a_backbone_of_these_names_keeps_them() -> None:
    """One of one's own may be called as MMAction's are."""
    net = nn.Module()
    net.backbone = nn.Sequential()
    net.backbone.add_module("conv1", nn.Conv2d(3, 4, 1))
    content, said = in_own_names(net, {"state_dict": net.state_dict()}, "x.pth")
    assert said is None
    assert content["state_dict"].keys() == net.state_dict().keys()


def test_weights_alone_are_no_training_state() -> None:
    whole: dict[str, Any] = dict(meta=dict(epoch=1, iter=2), optimizer={}, message_hub={})
    require_training_state(whole, "x.pth")
    for missing, said in (("meta", "epoch, iter"), ("optimizer", "optimizer")):
        part = {k: v for k, v in whole.items() if k != missing}
        with pytest.raises(CheckpointError, match=f"holds no {said}; --load-from"):
            require_training_state(part, "x.pth")
