"""Rates against torch's own schedules, step by step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook

from mmaction.engine import ActionRunner
from mmaction.engine.optimizers import follow_run
from mmaction.errors import ConfigError
from mmaction.registry import HOOKS
from tests.engine.conftest import NO_VALIDATION, Trained

ONE_CYCLE = dict(type="OneCycleLR", eta_max=0.1, pct_start=0.25)
BY_STEPS = dict(by_epoch=True, convert_to_iter_based=True)


@HOOKS.register_module(force=True)
class NoteRates(Hook):
    """Notes the rate that each step is taken with."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def before_train_iter(self, runner: ActionRunner, *_: Any, **__: Any) -> None:
        self.rates.append(runner.optim_wrapper.param_groups[0]["lr"])


@pytest.fixture
def rates(trained: Trained) -> Callable[..., list[float]]:
    """``rates(schedule, name=…, key=value…)``: of each step of a run; four videos, two a batch."""

    def run(schedule: list[dict[str, Any]], **options: Any) -> list[float]:
        text = (
            "custom_hooks = [dict(type='NoteRates')]\n"
            f"{NO_VALIDATION}"
            "default_hooks['checkpoint'] = dict(save_best=None, max_keep_ckpts=-1)\n"
            f"param_scheduler = {schedule!r}\n"
        )
        runner, _ = trained(text, **options)
        [hook] = [hook for hook in runner.hooks if isinstance(hook, NoteRates)]
        return hook.rates

    return run


def torchs_one_cycle(steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.1, total_steps=steps, pct_start=0.25, cycle_momentum=False
    )
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("units", [BY_STEPS, dict(by_epoch=False)])
def test_a_schedule_that_names_no_end_ends_with_the_run(
    rates: Callable[..., list[float]], units: dict[str, Any]
) -> None:
    found = rates([ONE_CYCLE | units], **{"train_cfg.max_epochs": 4})
    assert found == pytest.approx(torchs_one_cycle(8))


def test_a_longer_run_goes_on_by_the_new_schedule(
    rates: Callable[..., list[float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four of eight steps are done by one schedule, and four of twelve are to be by another."""
    schedule = [ONE_CYCLE | BY_STEPS]
    before = rates(schedule, **{"train_cfg.max_epochs": 4})
    capsys.readouterr()
    resumed = {"resume_from": str(tmp_path / "run/epoch_2.pth"), "train_cfg.max_epochs": 6}
    after = rates(schedule, name="longer", **resumed)
    assert before[:4] + after == pytest.approx(torchs_one_cycle(8)[:4] + torchs_one_cycle(12)[4:])
    said = capsys.readouterr().out
    assert "train_cfg.max_epochs: 4 before, 6 now" in said
    assert "learning rate and schedule are the config's, at 33% of the run (4 of 12 steps)" in said


def test_another_batch_goes_on_at_the_share_of_samples(
    rates: Callable[..., list[float]], tmp_path: Path
) -> None:
    """Half of the samples are seen after four steps of eight, and after eight of sixteen."""
    schedule = [ONE_CYCLE | BY_STEPS]
    rates(schedule, **{"train_cfg.max_epochs": 4})
    resumed = {"resume_from": str(tmp_path / "run/epoch_2.pth"), "train_cfg.max_epochs": 4}
    after = rates(schedule, name="smaller", **resumed, **{"train_dataloader.batch_size": 1})
    assert after == pytest.approx(torchs_one_cycle(16)[8:])


def test_another_rate_is_taken_and_told(
    rates: Callable[..., list[float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule = [dict(type="MultiStepLR", milestones=[2], gamma=0.1, by_epoch=True)]
    options = {"train_cfg.max_epochs": 3, "optim_wrapper.optimizer.lr": 0.1}
    assert rates(schedule, **options) == pytest.approx([0.1] * 4 + [0.01] * 2)
    capsys.readouterr()
    options |= {"optim_wrapper.optimizer.lr": 0.4}
    for epoch, expected in ((1, [0.4] * 2 + [0.04] * 2), (2, [0.04] * 2)):
        options |= {"resume_from": str(tmp_path / f"run/epoch_{epoch}.pth")}
        assert rates(schedule, name=f"from {epoch}", **options) == pytest.approx(expected)
    assert "optim_wrapper.optimizer.lr: 0.1 before, 0.4 now" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (
            ONE_CYCLE | BY_STEPS | dict(total_steps=12),
            r"param_scheduler\[0\]\.total_steps=12: the schedule ends at epoch 12, the run at 20:"
            " leave total_steps out, or set it to 20",
        ),
        (
            dict(type="CosineAnnealingLR", begin=5, T_max=20, by_epoch=True),
            r"T_max=20: the schedule ends at epoch 25, .* or set it to 15",
        ),
        (dict(type="PolyLR", end=300, by_epoch=False), "end=300: .* at step 300, the run at 200"),
        (dict(type="LinearLR", end=30, by_epoch=True), "end=30: .* set it to 20"),
    ],
)
def test_a_schedule_of_another_length_is_refused(schedule: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        follow_run([schedule], epochs=20, steps=200)


def test_what_may_end_before_the_run() -> None:
    """A warm-up, and what another schedule follows; lengths that aren't known are not judged."""
    schedules = dict(
        of_one=[
            dict(type="LinearLR", end=5, by_epoch=True),
            dict(type="CosineAnnealingLR", begin=5, T_max=10, end=15, by_epoch=True),
            dict(type="PolyLR", begin=15, by_epoch=True),
        ],
        of_other=[dict(type="CosineAnnealingLR", T_max=7, by_epoch=False)],
    )
    follow_run(schedules, epochs=20, steps=None)
    assert schedules["of_one"][2]["end"] == 20
    assert "end" not in schedules["of_other"][0]
