"""Processes that die, stand still, come late or never: the others end, with one line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.conftest import NO_VALIDATION, Started, needs_two

pytestmark = needs_two
# Marks the process and, in the second one, stays long in its second step where told to.
HOOK = """
import os
import time
from pathlib import Path

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class SayWhereItIs(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        (Path(runner.work_dir) / f"pid{get_rank()}").write_text(str(os.getpid()))
        if runner.iter == 1 and get_rank() == 1:
            time.sleep(float(os.environ.get("TEST_SLEEP", 0)))
"""
ENDLESS = (
    "custom_hooks = [dict(type='SayWhereItIs')]\n"
    "train_cfg['max_epochs'] = 100_000\n"
    "default_hooks['checkpoint'] = dict(type='CheckpointHook', interval=100_000)\n"
    f"{NO_VALIDATION}"
)


@pytest.fixture
def endless(
    imported: Callable[..., str], make_config: Callable[..., Path], tiny_data: Path
) -> Path:
    """A config of a training that does not end by itself."""
    return make_config(tiny_data, imported("say_where", HOOK) + ENDLESS)


def pids(started: Started) -> list[int]:
    """Of both processes, once they are at training steps."""
    files = [started.folder / f"work/pid{rank}" for rank in range(2)]
    started.wait_for(lambda: all(file.exists() and file.read_text() for file in files))
    return [int(file.read_text()) for file in files]


def start_by_hand(
    started: Started, config: Path, rank: int, port: int, *options: str, **environment: str
) -> None:
    """As srun would."""
    slurm = dict(
        SLURM_PROCID=str(rank),
        SLURM_LOCALID=str(rank),
        SLURM_NTASKS="2",
        SLURM_NODELIST="localhost",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    command = [sys.executable, "tools/train_recognizer.py", config, "--launcher", "slurm"]
    started.start(*command, "--cfg-options", *options, **slurm, **environment)


def test_a_killed_process_ends_the_run_within_seconds(started: Started, endless: Path) -> None:
    run = started.start("tools/dist_train_recognizer.sh", endless, 2)
    both = pids(started)
    os.kill(both[1], signal.SIGKILL)
    # torchrun kills what does not end by itself after 30 s: over NCCL, processes wait for longer.
    assert run.wait(timeout=60) == 128 + signal.SIGKILL
    lines = started.errors(0).splitlines()
    assert lines[-1] == "error: process 1 was ended by SIGKILL"
    assert all(line.startswith("error: ") for line in lines), "no traceback of the other"
    assert len(lines) <= 2
    for pid in both:
        assert not Path(f"/proc/{pid}").exists(), "none is left"


def test_a_killed_process_ends_the_others_without_torchrun(
    started: Started, endless: Path, free_port: int
) -> None:
    for rank in range(2):
        start_by_hand(started, endless, rank, free_port, "env_cfg.dist_cfg.timeout=60")
    os.kill(pids(started)[0], signal.SIGKILL)
    assert started.processes[1].wait(timeout=90) == 1
    [line] = started.errors(1).splitlines()
    assert line.startswith("error: another process has ended, or is too late: ")


@pytest.mark.slow
def test_processes_that_wait_too_long_end(started: Started, endless: Path) -> None:
    """The other one lives, and stays in its second step for longer than that."""
    options = ["--cfg-options", "env_cfg.dist_cfg.timeout=12"]
    command = ["tools/dist_train_recognizer.sh", endless, 2, *options]
    run = started.start(*command, TEST_SLEEP="60")
    assert run.wait(timeout=90) == 1, "torchrun has killed the other, and that is not the cause"
    [line] = started.errors(0).splitlines()
    assert line.startswith("error: another process has ended, or is too late: ")


@pytest.mark.parametrize(
    ("rank", "said"),
    [(0, "1/2 clients joined"), pytest.param(1, "127.0.0.1", marks=pytest.mark.slow)],
)
def test_a_process_that_never_comes_ends_the_start(
    started: Started, endless: Path, free_port: int, rank: int, said: str
) -> None:
    """Without the other process, whichever it is; the first one keeps the store."""
    start_by_hand(started, endless, rank, free_port, "env_cfg.dist_cfg.timeout=2")
    assert started.processes[0].wait(timeout=60) == 2
    # torch's own connection attempts may warn before it.
    *_, line = started.errors(0).splitlines()
    assert "Traceback" not in started.errors(0)
    met = f"error: 2 processes have not met at 127.0.0.1:{free_port} within 2 s ("
    assert line.startswith(met)
    assert said in line.removeprefix(met)
