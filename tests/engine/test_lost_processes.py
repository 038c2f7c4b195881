"""Processes that die, stand still, come late or never: the others end, with one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

MakeConfig = Callable[..., Path]
REPO = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    torch.cuda.is_available() and torch.cuda.device_count() < 2, reason="two GPUs, or none"
)
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
    "custom_imports = dict(imports=['say_where'])\n"
    "custom_hooks = [dict(type='SayWhereItIs')]\n"
    "train_cfg['max_epochs'] = 100_000\n"
    "default_hooks['checkpoint'] = dict(type='CheckpointHook', interval=100_000)\n"
    "val_dataloader = val_cfg = val_evaluator = None\n"
)


class Started:
    """Processes that were started, and what they print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen] = []

    def start(self, *command: Any, **environment: str) -> subprocess.Popen:
        kept = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")}
        own = dict(
            PYTHON=sys.executable,
            PYTHONPATH=f"{self.folder}:{REPO}",
            PYTHONWARNINGS="ignore",
            OMP_NUM_THREADS="1",
            TORCH_CPP_LOG_LEVEL="ERROR",
        )
        number = len(self.processes)
        with (
            open(self.folder / f"out{number}", "w") as out,
            open(self.folder / f"err{number}", "w") as err,
        ):
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=REPO,
                env={**kept, **own, **environment},
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def errors(self, number: int) -> str:
        return (self.folder / f"err{number}").read_text()

    def pids(self, count: int) -> list[int]:
        """Of processes that are at training steps by now, by rank."""
        files = [self.folder / f"work/pid{rank}" for rank in range(count)]
        end = time.monotonic() + 90
        while not all(file.exists() and file.read_text() for file in files):
            assert time.monotonic() < end, self.errors(0)
            time.sleep(0.1)
        return [int(file.read_text()) for file in files]

    def end_all(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    (tmp_path / "say_where.py").write_text(HOOK)
    started = Started(tmp_path)
    yield started
    started.end_all()


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


def test_a_killed_process_ends_the_run_within_seconds(
    started: Started, make_config: MakeConfig, tiny_data: Path
) -> None:
    config = make_config(tiny_data, ENDLESS)
    run = started.start("tools/dist_train_recognizer.sh", config, 2)
    pids = started.pids(2)
    os.kill(pids[1], signal.SIGKILL)
    # torchrun kills what does not end by itself after 30 s: over NCCL, processes wait for longer.
    assert run.wait(timeout=60) == 128 + signal.SIGKILL
    lines = started.errors(0).splitlines()
    assert lines[-1] == "error: process 1 was ended by SIGKILL"
    assert all(line.startswith("error: ") for line in lines), "no traceback of the other"
    assert len(lines) <= 2
    for pid in pids:
        assert not Path(f"/proc/{pid}").exists(), "none is left"


def test_a_killed_process_ends_the_others_without_torchrun(
    started: Started, make_config: MakeConfig, tiny_data: Path, free_port: int
) -> None:
    config = make_config(tiny_data, ENDLESS)
    for rank in range(2):
        start_by_hand(started, config, rank, free_port, "env_cfg.dist_cfg.timeout=60")
    os.kill(started.pids(2)[0], signal.SIGKILL)
    assert started.processes[1].wait(timeout=90) == 1
    [line] = started.errors(1).splitlines()
    assert line.startswith("error: another process has ended, or is too late: ")


@pytest.mark.slow
def test_processes_that_wait_too_long_end(
    started: Started, make_config: MakeConfig, tiny_data: Path
) -> None:
    """The other one lives, and stays in its second step for longer than that."""
    config = make_config(tiny_data, ENDLESS + "env_cfg = dict(dist_cfg=dict(timeout=12))")
    run = started.start("tools/dist_train_recognizer.sh", config, 2, TEST_SLEEP="60")
    assert run.wait(timeout=90) == 1, "torchrun has killed the other, and that is not the cause"
    [line] = started.errors(0).splitlines()
    assert line.startswith("error: another process has ended, or is too late: ")


@pytest.mark.parametrize(("rank", "said"), [(0, "1/2 clients joined"), (1, "127.0.0.1")])
def test_a_process_that_never_comes_ends_the_start(
    started: Started,
    make_config: MakeConfig,
    tiny_data: Path,
    free_port: int,
    rank: int,
    said: str,
) -> None:
    """Without the other process, whichever it is; the first one keeps the store."""
    config = make_config(tiny_data, ENDLESS)
    start_by_hand(started, config, rank, free_port, "env_cfg.dist_cfg.timeout=2")
    assert started.processes[0].wait(timeout=60) == 2
    # torch's own connection attempts may warn before it.
    *_, line = started.errors(0).splitlines()
    assert "Traceback" not in started.errors(0)
    met = f"error: 2 processes have not met at 127.0.0.1:{free_port} within 2 s ("
    assert line.startswith(met)
    assert said in line.removeprefix(met)
