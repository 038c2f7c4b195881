"""Trainings that are really killed, and end as if they had not been."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmaction.checkpoint.reading import read_checkpoint
from tests.engine.conftest import Started, needs_two
from tests.engine.same_training import differing, of_the_training

EPOCHS, VIDEOS = 5, 10
# Chance, a moving average, schedules by epoch and by step, and a part of an epoch between saves.
TRAINING = f"""
train_cfg["max_epochs"] = {EPOCHS}
model["attention_branch"]["dropout_ratio"] = 0.3
model["perception_branch"]["dropout_ratio"] = 0.3
custom_hooks = [dict(type="EMAHook", momentum=0.1)]
param_scheduler = [
    dict(type="MultiStepLR", milestones=[2, 4], gamma=0.3, by_epoch=True),
    dict(type="LinearLR", start_factor=0.1, begin=0, end=9, by_epoch=False),
]
save_every_n_steps = 2
default_hooks["checkpoint"] = dict(max_keep_ckpts=2)
"""
# The same in steps, which end within an epoch; steps are judged during the next ones.
STEPS = 23
IN_STEPS = f"""
{TRAINING}
train_cfg = dict(type="IterBasedTrainLoop", max_iters={STEPS})
optim_wrapper["optimizer"]["fused"] = True
evaluation = dict(interval=4)
default_hooks["checkpoint"] = dict(by_epoch=False, interval=3, max_keep_ckpts=2)
"""


@pytest.fixture(scope="session")
def ten_videos(tmp_path_factory: pytest.TempPathFactory, make_data: Callable[..., Path]) -> Path:
    return make_data(tmp_path_factory.mktemp("ten"), train=VIDEOS, val=3)


@pytest.fixture
def kill_and_resume(
    ten_videos: Path,
    make_config: Callable[..., Path],
    run_process: Callable[..., Any],
    tmp_path: Path,
) -> Callable[..., tuple[list[int], Path, Path]]:
    """``kill_and_resume(processes, signals, text)``: exit codes, and both runs' directories."""

    def run(processes: int, signals: list[str], text: str) -> tuple[list[int], Path, Path]:
        directories = tmp_path / "straight", tmp_path / "broken"
        configs = [
            make_config(ten_videos, f"{text}\nwork_dir = {str(d)!r}", name=f"{d.name}.py")
            for d in directories
        ]
        script = Path(__file__).with_name("kill_and_resume.py")
        ended = run_process(sys.executable, script, processes, *configs, 5, *signals)
        assert ended.code == 0, ended.err
        return json.loads(ended.out), *directories

    return run


def require_codes(signals: list[str], codes: list[int]) -> None:
    assert len(codes) == len(signals) + 2
    assert codes[0] == codes[-1] == 0
    expected = {"SIGKILL": -9, "SIGTERM": 75, "SIGUSR1": 75, "SIGINT": 130}
    # A run may have come to its end before the signal.
    for name, code in zip(signals, codes[1:-1], strict=True):
        assert code in (expected[name], 0), (name, codes)


@pytest.mark.parametrize("kills", [4, pytest.param(17, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_ends_as_an_unbroken_one(
    kill_and_resume: Callable[..., tuple[list[int], Path, Path]], kills: int
) -> None:
    """All that a checkpoint holds: weights, averages, momenta, schedules, losses, rng state."""
    signals = ["SIGKILL"] * kills + ["SIGTERM", "SIGUSR1", "SIGINT"]
    signals = [signals[(3 * n) % len(signals)] for n in range(len(signals))]  # mixed
    workers = "train_dataloader |= dict(num_workers=1, persistent_workers=True)"
    codes, straight, broken = kill_and_resume(1, signals, f"{TRAINING}\n{workers}")
    require_codes(signals, codes)
    for epoch in (EPOCHS - 1, EPOCHS):
        assert differing(*(folder / f"epoch_{epoch}.pth" for folder in (straight, broken))) == []
    held = of_the_training(straight / f"epoch_{EPOCHS}.pth")
    for part in ("ema_state_dict", "optimizer", "param_schedulers", "message_hub", "processes"):
        assert any(name.startswith(f"/{part}/") for name in held), part
    files = [sorted(p.name for p in folder.glob("*.pth")) for folder in (straight, broken)]
    assert files[0] == files[1], "and the same are kept"
    assert not list(broken.glob(".*"))
    meta = read_checkpoint(broken / f"epoch_{EPOCHS}.pth")["meta"]
    assert (meta["epoch"], meta["iter"]) == (EPOCHS, EPOCHS * VIDEOS // 2)


@needs_two
def test_two_processes_killed_end_as_unbroken_ones(
    kill_and_resume: Callable[..., tuple[list[int], Path, Path]],
) -> None:
    """Each has its own rng state and, within an epoch, its own running statistics and gradients."""
    signals = ["SIGKILL", "SIGTERM"]
    text = (
        f"{TRAINING}\ntrain_dataloader['batch_size'] = 1\n"
        "randomness = dict(seed=0, diff_rank_seed=True)\n"
        "train_dataloader['sampler']['seed'] = 0\n"
        "optim_wrapper['accumulative_counts'] = 2\n"
    )
    codes, straight, broken = kill_and_resume(2, signals, text)
    require_codes(signals, codes)
    assert differing(*(folder / f"epoch_{EPOCHS}.pth" for folder in (straight, broken))) == []
    own = torch.load(broken / f"epoch_{EPOCHS}.pth", weights_only=True)["processes"]
    assert len(own) == 2
    assert not torch.equal(*(process["random"]["torch"] for process in own))


@pytest.mark.parametrize(
    ("processes", "signals"),
    [
        (1, ["SIGKILL", "SIGUSR1", "SIGKILL", "SIGTERM"]),
        pytest.param(2, ["SIGKILL"], marks=[needs_two, pytest.mark.slow]),
    ],
)
def test_a_run_told_in_steps_is_as_exact(
    kill_and_resume: Callable[..., tuple[list[int], Path, Path]],
    processes: int,
    signals: list[str],
) -> None:
    """Validation comes within an epoch, and after the save of its step."""
    text = f"{IN_STEPS}\ntrain_dataloader['batch_size'] = {2 // processes}\n"
    codes, straight, broken = kill_and_resume(processes, signals, text)
    require_codes(signals, codes)
    kept = ["iter_22.pth", "iter_23.pth"]
    for name in kept:
        assert differing(*(folder / name for folder in (straight, broken))) == []
    files = [sorted(p.name for p in folder.glob("iter_*.pth")) for folder in (straight, broken)]
    assert files == [kept, kept]
    last = read_checkpoint(broken / kept[1])
    place = {key: last["meta"][key] for key in ("epoch", "batches_done", "iter")}
    assert place == {"epoch": 4, "batches_done": 3, "iter": STEPS}
    validated = last["message_hub"]["log_scalars"]["val/perception/top1"]["history"]
    assert len(validated) == STEPS // 4, "the last comes after the save"


HOOKS = """
import os, signal, time
from pathlib import Path
from mmengine.hooks import Hook
from mmaction.registry import HOOKS


@HOOKS.register_module()
class DieOnce(Hook):
    '''The second process of torchrun's first attempt is killed in the midst of a step.'''

    priority = "HIGHEST"

    def after_train_iter(self, runner, *_, **__):
        first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if first and os.environ["RANK"] == "1" and runner.iter == 8:
            os.kill(os.getpid(), signal.SIGKILL)


@HOOKS.register_module()
class WaitAtStep(Hook):
    '''Says which process is at step 13, and waits there for the signal's coming.'''

    def before_train_iter(self, runner, *_, **__):
        if runner.iter == 13:
            Path(runner.work_dir, f"at_step_13_{os.environ['RANK']}").touch()
            until = time.monotonic() + 60
            while not runner.train_loop.steps.signals.received and time.monotonic() < until:
                time.sleep(0.05)
"""


@needs_two
def test_torchrun_restarts_and_is_stopped(
    ten_videos: Path,
    make_config: Callable[..., Path],
    imported: Callable[..., str],
    started: Started,
    tmp_path: Path,
) -> None:
    """A process is killed, torchrun starts all again; then SIGUSR1 to torchrun itself."""
    text = (
        f"{TRAINING}\ntrain_dataloader['batch_size'] = 1\n"
        f"{imported('hooks_of_this_test', HOOKS)}"
        "custom_hooks += [dict(type='DieOnce'), dict(type='WaitAtStep')]\n"
    )
    config, work_dir = make_config(ten_videos, text), tmp_path / "work"
    command = ["tools/dist_train_recognizer.sh", config, 2, "--resume-from", "auto"]
    running = started.start(*command, TORCHRUN_OPTIONS="--max-restarts=2")
    marks = [work_dir / f"at_step_13_{rank}" for rank in range(2)]
    started.wait_for(lambda: all(mark.exists() for mark in marks))
    running.send_signal(signal.SIGUSR1)
    assert running.wait(timeout=240) == 75, started.errors(0)
    out = started.printed(0)
    assert out.count("to go on from: the training starts anew") == 1
    assert out.count("resumed epoch: 1, iter: 8") == 1
    assert out.count("stopped by SIGUSR1 after 14 steps") == 1
    assert (work_dir / "last_checkpoint").read_text() == str(work_dir / "iter_14.pth")
