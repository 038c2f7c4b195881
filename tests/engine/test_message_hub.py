"""In one process; what two log together is compared with one's in test_equal_training."""

from __future__ import annotations

import pytest
import torch
from mmengine.logging import MessageHub
from torch import Tensor

from mmaction.engine.message_hub import MOST_DEFERRED, DeferringMessageHub, hub_of_run


@pytest.fixture
def hub() -> DeferringMessageHub:
    return DeferringMessageHub("hub of this test")


def deferred(hub: DeferringMessageHub, **values: float) -> None:
    hub.defer([(key, torch.tensor(value)) for key, value in values.items()])


def test_every_value_arrives_in_order(hub: DeferringMessageHub) -> None:
    for step in range(5):
        hub.update_scalar("lr", 0.5**step)
        deferred(hub, loss=10.0 - step, accuracy=step / 4)
        hub.update_scalar("time", 1.0 + step)
    assert list(hub.log_scalars) == ["lr", "loss", "accuracy", "time"], "as they first came"
    assert hub.get_scalar("loss").data[0].tolist() == [10, 9, 8, 7, 6]
    assert hub.get_scalar("accuracy").data[0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert hub.get_scalar("loss").data[1].tolist() == [1] * 5
    assert hub.get_scalar("loss").mean(2) == 6.5


def test_a_value_is_the_number_that_it_is(hub: DeferringMessageHub) -> None:
    loss = torch.tensor(0.1, requires_grad=True)
    hub.defer([("loss", loss), ("half", loss.detach().bfloat16()), ("plain", 0.25)])
    found = {key: hub.get_scalar(key).current() for key in ("loss", "half", "plain")}
    assert found == {"loss": loss.item(), "half": loss.bfloat16().item(), "plain": 0.25}


def test_some_steps_say_more_than_others(hub: DeferringMessageHub) -> None:
    deferred(hub, loss=1.0)
    deferred(hub, grad_norm=5.0, loss=2.0)
    deferred(hub, loss=3.0)
    assert hub.get_scalar("loss").data[0].tolist() == [1, 2, 3]
    assert hub.get_scalar("grad_norm").data[0].tolist() == [5]


def test_a_reader_of_other_values_waits_for_nothing(hub: DeferringMessageHub) -> None:
    """The step's time is read in each step."""
    hub.update_scalar("time", 1.0)
    deferred(hub, loss=1.0)
    deferred(hub, loss=2.0)
    assert hub.get_scalar("time").current() == 1
    assert len(hub._log_scalars["loss"].data[0]) == 1, "the first: it was a new key"
    assert len(hub.get_scalar("loss").data[0]) == 2


def test_a_run_that_logs_nothing_keeps_no_more_than_so_many(hub: DeferringMessageHub) -> None:
    for step in range(2 * MOST_DEFERRED):
        hub.defer([("loss", torch.tensor(float(step)))])
    assert len(hub._deferred) < MOST_DEFERRED
    assert hub.get_scalar("loss").data[0].tolist() == list(range(2 * MOST_DEFERRED))


def test_a_state_holds_what_was_deferred_and_replaces_it(hub: DeferringMessageHub) -> None:
    deferred(hub, loss=1.0)
    deferred(hub, loss=2.0)
    state = hub.state_dict()
    assert state["log_scalars"]["loss"].data[0].tolist() == [1, 2]
    deferred(hub, loss=9.0)
    hub.load_state_dict(state)
    deferred(hub, loss=3.0)
    assert hub.get_scalar("loss").data[0].tolist() == [1, 2, 3]


def test_mmengines_own_parts_find_it() -> None:
    hub = hub_of_run("a run of this test")
    assert hub_of_run("a run of this test") is hub
    assert MessageHub.get_current_instance() is hub
    assert MessageHub.get_instance("a run of this test") is hub


def test_what_there_is_not(hub: DeferringMessageHub) -> None:
    with pytest.raises(KeyError, match="loss is not found"):
        hub.get_scalar("loss")
    hub.defer([])
    assert hub.log_scalars == {}


def test_what_is_not_one_number(hub: DeferringMessageHub) -> None:
    with pytest.raises(RuntimeError, match="shape"):
        hub.defer([("loss", Tensor([1, 2]))])
