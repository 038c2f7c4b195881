"""Training told in steps; that it is exact across kills is in test_resume_exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook

from mmaction.apis.run_record import read_logs
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.engine import ActionRunner, TrainingStopped
from mmaction.engine.loops.resumable import position_in_epoch
from mmaction.errors import ConfigError
from mmaction.registry import HOOKS
from tests.engine.conftest import Trained
from tests.engine.same_training import differing

EPOCH = 2  # steps
Stepped = Callable[..., tuple[ActionRunner, Path]]


@pytest.fixture
def stepped(trained: Trained) -> Stepped:
    """``stepped(steps, text, …)``: as ``trained``, told in steps."""

    def run(steps: int, text: str = "", **options: Any) -> tuple[ActionRunner, Path]:
        in_steps = (
            f"train_cfg = dict(type='IterBasedTrainLoop', max_iters={steps})\n"
            "evaluation = dict(interval=3)\n"
            "default_hooks['checkpoint'] = dict(by_epoch=False, interval=100)\n"
        )
        return trained(f"{in_steps}{text}", **options)

    return run


@HOOKS.register_module(force=True)
class Told(Hook):
    """Keeps what hooks are told of."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int]] = []
        self.epochs: list[int] = []
        self.validated: list[int] = []

    def before_train_epoch(self, runner: Any) -> None:
        self.epochs.append(runner.epoch)

    def after_train_iter(self, runner: Any, batch_idx: int, *_: Any, **__: Any) -> None:
        assert runner.model.training
        self.steps.append((batch_idx, runner.iter, runner.epoch))

    def before_val_epoch(self, runner: Any) -> None:
        self.validated.append(runner.iter)


def test_steps_epochs_and_validation(stepped: Stepped) -> None:
    runner, directory = stepped(7, "custom_hooks = [dict(type='Told')]")
    [told] = [hook for hook in runner.hooks if isinstance(hook, Told)]
    assert told.steps == [(step, step, step // EPOCH) for step in range(7)]
    assert told.epochs == [0, 1, 2, 3]
    assert told.validated == [3, 6, 7], "each third, and the last"
    assert runner.max_epochs == 4
    log = read_logs(directory)
    assert list(log["perception/top1"]) == [3, 6, 7]
    assert list(log["loss"]) == [1, 2, 3, 4, 5, 6, 7]
    assert [p.name for p in directory.glob("iter_*.pth")] == ["iter_7.pth"]


def test_whole_epochs_train_as_the_loop_that_counts_them(
    stepped: Stepped, trained: Trained
) -> None:
    """The same videos in the same order, whose random numbers follow from their epoch."""
    dropout = "model['perception_branch']['dropout_ratio'] = 0.5\n"
    _, in_steps = stepped(3 * EPOCH, dropout)
    _, in_epochs = trained(f"{dropout}train_cfg['max_epochs'] = 3", "epochs")
    files = in_steps / f"iter_{3 * EPOCH}.pth", in_epochs / "epoch_3.pth"
    parts = ("/state_dict/", "/optimizer/", "/message_hub/log_scalars/train/", "/processes/")
    found = [name for name in differing(*files) if name.startswith(parts)]
    assert found == []


def test_a_checkpoint_of_mmengines_loop_tells_its_place_in_steps(stepped: Stepped) -> None:
    _, directory = stepped(5)
    content = torch.load(directory / "iter_5.pth", weights_only=True)
    for key in ("batches_done", "epoch_batches", "samples_a_batch", "validated"):
        del content["meta"][key]
    content["meta"]["epoch"] = 0
    path = directory / "of_mmengine.pth"
    torch.save({key: value for key, value in content.items() if key != "checksums"}, path)
    runner, _ = stepped(8, "custom_hooks = [dict(type='Told')]", name="on", resume_from=str(path))
    [told] = [hook for hook in runner.hooks if isinstance(hook, Told)]
    assert [epoch for _, _, epoch in told.steps] == [2, 3, 3], "one more of the third epoch"


@pytest.mark.parametrize("interval", [6, 100])
def test_a_signal_in_validation_saves_the_step_and_validates_again(
    stepped: Stepped, interval: int
) -> None:
    """Saved already, or from the copy that is held where it was not due."""
    saves = f"default_hooks['checkpoint']['interval'] = {interval}\n"
    with pytest.raises(TrainingStopped) as stopped:
        stepped(7, f"{saves}custom_hooks = [dict(type='SignalInValidation')]")
    assert stopped.value.code == 75
    runner, directory = stepped(7, saves, resume_from="auto")
    meta = read_checkpoint(directory / "iter_6.pth")["meta"]
    assert (meta["epoch"], meta["batches_done"], meta["iter"]) == (2, 2, 6)
    assert len(runner.message_hub.get_scalar("val/perception/top1").data[0]) == 3


def test_checkpoints_are_counted_in_steps_too(stepped: Stepped) -> None:
    with pytest.raises(ConfigError, match=r"by_epoch=True: ResumableIterTrainLoop counts steps"):
        stepped(2, "default_hooks['checkpoint'] = dict(interval=1)")


def meta(done: int, *, batches: int, samples: int) -> dict[str, Any]:
    return {
        "epoch": 2,
        "iter": 2 * batches + done,
        "batches_done": done,
        "epoch_batches": batches,
        "samples_a_batch": samples,
    }


@pytest.mark.parametrize(
    ("given", "batches", "samples", "expected"),
    [
        (meta(3, batches=10, samples=8), 10, 8, (3, True)),
        (meta(0, batches=10, samples=8), 10, 8, (0, True)),
        # Half as many processes: 24 samples are 6 batches of 4.
        (meta(3, batches=10, samples=8), 20, 4, (6, False)),
        # Twice as many: 24 samples are one and a half batches of 16.
        (meta(3, batches=10, samples=8), 5, 16, (1, False)),
        # At an epoch's end it makes no difference to the position.
        (meta(0, batches=10, samples=8), 5, 16, (0, True)),
        # mmengine's own say it by the steps.
        ({"epoch": 2, "iter": 23}, 10, 8, (3, True)),
        ({"epoch": 2, "iter": 20}, 10, 8, (0, True)),
        ({"epoch": 2, "iter": 40}, 10, 8, (0, False)),
    ],
)
def test_position_in_the_epoch(
    given: dict[str, Any], batches: int, samples: int, expected: tuple[int, bool]
) -> None:
    assert position_in_epoch(given, batches=batches, samples_a_batch=samples) == expected
