from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mmaction.checkpoint.compatibility import (
    differences,
    fitting_weights,
    require_same_architecture,
    require_training_state,
)
from mmaction.errors import CheckpointError


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


def test_what_fits_is_taken() -> None:
    state = network(5).state_dict()
    fitting, differing = fitting_weights(network(3), state, "x.pth")
    assert fitting.keys() == {k for k in state if not k.startswith("2.")}
    assert [phrase.split()[0] for phrase in differing] == ["2.weight", "2.bias"]


def test_what_hardly_fits_is_refused() -> None:
    state = {k: v for k, v in network().state_dict().items() if k.startswith("0.")}
    with pytest.raises(CheckpointError, match="of another architecture"):
        fitting_weights(network(), state, "x.pth")


def test_weights_alone_are_no_training_state() -> None:
    whole: dict[str, Any] = dict(meta=dict(epoch=1, iter=2), optimizer={}, message_hub={})
    require_training_state(whole, "x.pth")
    for missing, said in (("meta", "epoch, iter"), ("optimizer", "optimizer")):
        part = {k: v for k, v in whole.items() if k != missing}
        with pytest.raises(CheckpointError, match=f"holds no {said}; --load-from"):
            require_training_state(part, "x.pth")
