"""Whole trainings on the tiny data set, two steps an epoch; modules and processes for them."""

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
from mmengine.hooks import Hook

from mmaction.apis import load_config, train
from mmaction.engine import ActionRunner
from mmaction.registry import HOOKS

REPO = Path(__file__).resolve().parents[2]
Trained = Callable[..., tuple[ActionRunner, Path]]
needs_two = pytest.mark.skipif(0 < torch.cuda.device_count() < 2, reason="two GPUs, or none")
NO_VALIDATION = "val_dataloader = val_cfg = val_evaluator = None\n"


@HOOKS.register_module(force=True)
class SignalInValidation(Hook):
    """Asks this process to end while it validates for the second time."""

    validations = 0

    def before_val_epoch(self, runner: Any) -> None:
        self.validations += 1

    def before_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        if self.validations == 2 and batch_idx == 0:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def trained(make_config: Callable[..., Path], tiny_data: Path, tmp_path: Path) -> Trained:
    """``trained(text, name=…, key=value…)``: a finished run by the tiny config, and its work_dir.

    ``text`` is the config's end, keys are options of the command line.
    """

    def run(text: str = "", name: str = "run", **options: Any) -> tuple[ActionRunner, Path]:
        work_dir = tmp_path / name
        text = f"{text}\nwork_dir = {str(work_dir)!r}"
        config = make_config(tiny_data, text, name=f"{name}.py")
        return train(load_config(config, options)), work_dir

    return run


@pytest.fixture(scope="session")
def train_each(run_process: Callable[..., Any]) -> Callable[..., None]:
    """``train_each(processes, config…)`` trains each in so many processes; all have to end well.

    They are forked from one that has imported everything: as torchrun's, for less.
    """

    def run(processes: int, *configs: Path) -> None:
        script = Path(__file__).with_name("train_each.py")
        ended = run_process(sys.executable, script, processes, *configs)
        logs = "\n".join(path.with_suffix(".log").read_text()[-3000:] for path in configs)
        codes = str([0] * len(configs))
        assert (ended.code, ended.out.strip()) == (0, codes), ended.err + logs

    return run


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """``imported(name, code)``: the end of a config that imports a module of this code.

    This process can import it, and those it starts.
    """
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(REPO)]))
    written = []

    def write(name: str, code: str) -> str:
        (tmp_path / f"{name}.py").write_text(code)
        written.append(name)
        return f"custom_imports = dict(imports=[{name!r}])\n"

    yield write
    for name in written:
        sys.modules.pop(name, None)


class Started:
    """Processes that were started, and what they print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen] = []

    def start(self, *command: Any, **environment: str) -> subprocess.Popen:
        """Starts a command in the repository, with this Python, in a session of its own."""
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

    def printed(self, number: int) -> str:
        return (self.folder / f"out{number}").read_text()

    def errors(self, number: int) -> str:
        return (self.folder / f"err{number}").read_text()

    def wait_for(self, condition: Callable[[], object], *, seconds: float = 240) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.errors(0)
            assert any(process.poll() is None for process in self.processes), self.errors(0)
            time.sleep(0.05)

    def end_all(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Starts processes; those that are left are killed at the end."""
    started = Started(tmp_path)
    yield started
    started.end_all()
