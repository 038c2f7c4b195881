from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import OneCycleLR
from torch import nn

from mmaction.checkpoint.compatibility import (
    PlainCheckpointHook,
    differences,
    fitting_weights,
    plain,
    require_same_architecture,
    require_training_state,
)
from mmaction.checkpoint.reading import read_checkpoint
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


def test_plain_data_keeps_its_shape() -> None:
    pair = namedtuple("pair", "a b")(np.float64(1), 2)
    content = {"a": [np.float64(0.5), (np.int64(3), None)], "b": np.arange(3), "c": pair}
    made = plain(content)
    assert made["a"] == [0.5, (3, None)]
    assert [type(value) for value in (made["a"][0], made["a"][1][0])] == [float, int]
    assert torch.equal(made["b"], torch.arange(3))
    assert made["c"] is pair


def test_message_hubs_travel_as_plain_data(tmp_path: Path) -> None:
    """What mmengine puts into a checkpoint, read back by the weights-only unpickler."""
    buffer = HistoryBuffer([0.5, 0.25], [1, 2], max_length=7)
    hub = dict(
        log_scalars={"train/loss": buffer},
        runtime_info={"epoch": 1, "eta": np.float64(3.0)},
        resumed_keys={"train/loss": True},
    )
    checkpoint = dict(state_dict=network().state_dict(), message_hub=hub, meta={"epoch": 1})
    hook, runner = PlainCheckpointHook(), SimpleNamespace()
    hook.before_save_checkpoint(runner, checkpoint)
    torch.save(checkpoint, tmp_path / "x.pth")
    loaded = read_checkpoint(tmp_path / "x.pth")
    hook.after_load_checkpoint(runner, loaded)
    got = loaded["message_hub"]["log_scalars"]["train/loss"]
    assert isinstance(got, HistoryBuffer)
    for made, kept in zip(got.data, buffer.data, strict=True):
        np.testing.assert_array_equal(made, kept)
    assert got.max_length == 7
    assert got.mean() == buffer.mean()
    assert loaded["message_hub"]["runtime_info"] == {"epoch": 1, "eta": 3.0}
    assert hub["log_scalars"] == {"train/loss": buffer}, "the running training's hub is its own"


def test_a_schedule_goes_without_its_functions_and_goes_on(tmp_path: Path) -> None:
    """One-cycle keeps its annealing function among its state."""

    def schedule() -> OneCycleLR:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        return OneCycleLR(optimizer, eta_max=1.0, total_steps=10)

    straight, saved, resumed = schedule(), schedule(), schedule()
    for _ in range(4):
        straight.step()
        saved.step()
    checkpoint = {"param_schedulers": [saved.state_dict()], "message_hub": {"log_scalars": {}}}
    PlainCheckpointHook().before_save_checkpoint(None, checkpoint)
    torch.save(checkpoint, tmp_path / "c.pth")
    state = torch.load(tmp_path / "c.pth", weights_only=True)["param_schedulers"][0]
    resumed.load_state_dict(state)
    for scheduler in (straight, resumed):
        scheduler.step()
    assert resumed.get_last_value() == straight.get_last_value()
