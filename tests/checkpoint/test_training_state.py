from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import OneCycleLR

from mmaction.checkpoint.reading import read_checkpoint
from mmaction.checkpoint.training_state import (
    make_plain,
    restore_histories,
    schedule_states,
)
from mmaction.checkpoint.writing import copied


def test_plain_data_keeps_its_shape() -> None:
    pair = namedtuple("pair", "a b")(np.float64(1), 2)
    content = {"a": [np.float64(0.5), (np.int64(3), None)], "b": np.arange(3), "c": pair}
    made = copied(content)
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
    checkpoint = dict(
        state_dict=torch.nn.Linear(2, 1).state_dict(), message_hub=hub, meta={"epoch": 1}
    )
    make_plain(checkpoint)
    torch.save(copied(checkpoint), tmp_path / "x.pth")
    loaded = read_checkpoint(tmp_path / "x.pth")
    restore_histories(loaded)
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
    torch.save(schedule_states({"one": [saved]}), tmp_path / "c.pth")
    [state] = torch.load(tmp_path / "c.pth", weights_only=True)["one"]
    resumed.load_state_dict(state)
    for scheduler in (straight, resumed):
        scheduler.step()
    assert resumed.get_last_value() == straight.get_last_value()
