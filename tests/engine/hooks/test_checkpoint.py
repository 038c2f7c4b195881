"""Which checkpoints are there after a run, and what a stop in the midst of it leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmaction.apis import load_config
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.engine import TrainingCheckpointHook, TrainingStopped
from mmaction.errors import CheckpointError, ConfigError
from tests.engine.conftest import NO_VALIDATION, Trained


def names(directory: Path) -> list[str]:
    return sorted(p.name for p in directory.glob("*.pth"))


def checkpoints(epochs: int, **options: Any) -> str:
    """The end of a config that saves so and validates never."""
    return (
        f"train_cfg['max_epochs'] = {epochs}\n"
        f"default_hooks['checkpoint'] = dict(save_best=None, **{options!r})\n"
        f"{NO_VALIDATION}"
    )


@pytest.mark.parametrize(
    ("epochs", "options", "kept"),
    [
        (4, dict(max_keep_ckpts=2), ["epoch_3.pth", "epoch_4.pth"]),
        (4, dict(max_keep_ckpts=-1, interval=3), ["epoch_3.pth", "epoch_4.pth"]),
        # Steps of the last epoch go once its end is saved.
        (3, dict(max_keep_ckpts=1, save_every_n_steps=1), ["epoch_3.pth"]),
        # Epochs' ends that are not saved leave the newest step.
        (
            3,
            dict(max_keep_ckpts=1, save_every_n_steps=1, interval=9, save_last=False),
            ["iter_6.pth"],
        ),
        (
            2,
            dict(by_epoch=False, interval=1, max_keep_ckpts=2),
            ["iter_3.pth", "iter_4.pth"],
        ),
    ],
)
def test_what_is_kept(
    trained: Trained, epochs: int, options: dict[str, Any], kept: list[str]
) -> None:
    runner, directory = trained(checkpoints(epochs, **options))
    assert names(directory) == kept
    newest = kept[-1]
    assert (directory / "last_checkpoint").read_text() == str(directory / newest)
    meta = read_checkpoint(directory / newest)["meta"]
    assert meta["iter"] == 2 * epochs == runner.iter


def test_the_best_is_kept_whatever_else_goes(trained: Trained) -> None:
    """The accuracy of the first epoch is the best one where nothing is learned."""
    text = "train_cfg['max_epochs'] = 3\ndefault_hooks['checkpoint'] = dict(max_keep_ckpts=1)"
    runner, directory = trained(text, **{"optim_wrapper.optimizer.lr": 0.0})
    best = "best_perception_top1_epoch_1.pth"
    assert names(directory) == [best, "epoch_3.pth"]
    assert "optimizer" not in read_checkpoint(directory / best)
    hub = read_checkpoint(directory / "epoch_3.pth")["message_hub"]["runtime_info"]
    assert hub["best_ckpt"] == str(directory / best)
    values = runner.message_hub.get_scalar("val/perception/top1").data[0]
    assert hub["best_score"] == pytest.approx(max(values))


def test_a_best_of_what_is_not_measured(trained: Trained) -> None:
    text = "default_hooks['checkpoint'] = dict(save_best='perception/top2')"
    with pytest.raises(ConfigError, match=r"save_best='perception/top2': .*did you mean 'percep"):
        trained(text)


def test_a_resumed_run_keeps_what_an_unbroken_one_keeps(trained: Trained) -> None:
    _, directory = trained(checkpoints(2, max_keep_ckpts=2))
    assert names(directory) == ["epoch_1.pth", "epoch_2.pth"]
    trained(checkpoints(4, max_keep_ckpts=2), resume_from="auto")
    assert names(directory) == ["epoch_3.pth", "epoch_4.pth"]


def test_a_run_from_an_earlier_epoch_leaves_what_was_trained_further(trained: Trained) -> None:
    """And a file of no number, or of another name."""
    _, directory = trained(checkpoints(4, max_keep_ckpts=-1))
    for name in ("epoch_best.pth", "my_epoch_1.pth"):
        (directory / name).write_bytes(b"mine")
    trained(checkpoints(3, max_keep_ckpts=1), resume_from=str(directory / "epoch_2.pth"))
    expected = ["epoch_3.pth", "epoch_4.pth", "epoch_best.pth", "my_epoch_1.pth"]
    assert names(directory) == expected


def test_auto_takes_the_newest_whole_one_and_says_what_it_passed_over(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    _, directory = trained(checkpoints(3, max_keep_ckpts=-1))
    third = directory / "epoch_3.pth"
    content = bytearray(third.read_bytes())
    content[len(content) // 2] ^= 1
    third.write_bytes(content)
    capsys.readouterr()
    runner, _ = trained(checkpoints(3, max_keep_ckpts=-1), resume_from="auto")
    assert runner.epoch == 3
    out = capsys.readouterr().out
    assert f"passed over: checkpoint {third}: damaged" in out
    assert "resumed epoch: 2, iter: 4" in out
    for name in names(directory):
        (directory / name).write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="none of its checkpoints is whole"):
        trained(checkpoints(3, max_keep_ckpts=-1), resume_from="auto")


def test_a_damaged_file_is_not_resumed_from(trained: Trained) -> None:
    _, directory = trained(checkpoints(1))
    path = directory / "epoch_1.pth"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"epoch_1\.pth: damaged"):
        trained(checkpoints(2), name="other", resume_from=str(path))


@pytest.mark.parametrize("interval", [1, 5])
def test_a_signal_in_validation_saves_the_epoch_and_validates_again(
    trained: Trained, interval: int
) -> None:
    """Saved already, or from the copy that is held where it was not due."""
    text = f"train_cfg['max_epochs'] = 3\ndefault_hooks['checkpoint'] = dict(interval={interval})"
    hook = "\ncustom_hooks = [dict(type='SignalInValidation')]"
    with pytest.raises(TrainingStopped) as stopped:
        trained(text + hook)
    assert stopped.value.code == 75
    runner, directory = trained(text, resume_from="auto")
    meta = read_checkpoint(directory / "epoch_2.pth")["meta"]
    assert (meta["epoch"], meta["iter"], meta["validated"]) == (2, 4, False)
    assert len(runner.message_hub.get_scalar("val/perception/top1").data[0]) == 3


def test_validation_leaves_training_as_it_is(trained: Trained) -> None:
    """The same weights whether or not it is validated in between, with dropout."""
    dropout = "train_cfg['max_epochs'] = 2\nmodel['perception_branch']['dropout_ratio'] = 0.5\n"
    found = []
    for name, interval in (("often", 1), ("seldom", 2)):
        runner, _ = trained(dropout, name=name, **{"evaluation.interval": interval})
        found.append(runner.model.state_dict())
    for name, value in found[0].items():
        assert value.equal(found[1][name]), name


def test_gradients_that_wait_for_their_step_are_kept(trained: Trained) -> None:
    """The optimizer steps once in four batches: the first epoch of two ends between."""
    text = "train_cfg['max_epochs'] = 2\noptim_wrapper['accumulative_counts'] = 4"
    straight, directory = trained(text)
    [own] = read_checkpoint(directory / "epoch_1.pth")["processes"]
    assert len(own["gradients"]) > 10
    resumed, _ = trained(text, name="resumed", resume_from=str(directory / "epoch_1.pth"))
    found = resumed.model.state_dict()
    for name, value in straight.model.state_dict().items():
        assert value.equal(found[name]), name
    started, _ = trained(text, name="started", **{"optim_wrapper.optimizer.lr": 0.0})
    weight = "perception_branch.classifier.weight"
    weight = weight if weight in found else next(n for n in found if n.endswith("weight"))
    assert not found[weight].equal(started.model.state_dict()[weight]), "a step was taken"


@pytest.mark.parametrize("value", [0, "2"])
def test_the_short_key_is_checked_when_the_config_is_read(tiny_config: Path, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"save_every_n_steps={value!r}: expected a whole"):
        load_config(tiny_config, {"save_every_n_steps": value})


def test_the_short_key_needs_the_hook(make_config: Callable[..., Path], tiny_data: Path) -> None:
    config = make_config(tiny_data, "default_hooks = dict(checkpoint=None)\nsave_every_n_steps = 1")
    with pytest.raises(ConfigError, match=r"save_every_n_steps needs default_hooks\.checkpoint"):
        load_config(config)


def test_a_key_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match=r"no key 'max_keep_ckpt'; did you mean 'max_keep_ckpts'"):
        TrainingCheckpointHook(interval=1, max_keep_ckpt=3)


@pytest.mark.parametrize("value", [0, -1, 1.5, "2"])
def test_no_whole_number(value: Any) -> None:
    with pytest.raises(ConfigError, match=f"save_every_n_steps={value!r}: expected a whole number"):
        TrainingCheckpointHook(save_every_n_steps=value)
