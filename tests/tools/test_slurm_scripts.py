"""The Slurm scripts, with an ``srun`` that starts the processes on this machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmaction.evaluation import ScoreTable

Run = Callable[..., Any]
# Slurm's part: N processes that are told who they are. It keeps its own arguments for a look.
SRUN = """#!{python}
import json, os, subprocess, sys

options = dict(o.removeprefix("--").split("=", 1) for o in sys.argv[1 : 1 + {options}])
command = sys.argv[1 + {options} :]
with open({kept!r}, "w") as f:
    json.dump([options, command], f)
count = int(options["ntasks"])
if {start}:
    shared = dict(SLURM_NTASKS=str(count), SLURM_NODELIST="localhost", SLURM_JOB_ID="{job}")
    each = [
        dict(os.environ, **shared, SLURM_PROCID=str(n), SLURM_LOCALID=str(n)) for n in range(count)
    ]
    started = [subprocess.Popen(command, env=environment) for environment in each]
    sys.exit(max(process.wait() for process in started))
"""
SCONTROL = """#!/bin/sh
echo 127.0.0.1
"""


@pytest.fixture
def slurm(tmp_path: Path, free_port: int) -> Callable[..., dict[str, str]]:
    """``slurm(options=N, start=True)``: an environment where Slurm's commands are these."""

    def make(*, options: int, start: bool) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir()
        text = SRUN.format(
            python=sys.executable,
            options=options,
            kept=str(tmp_path / "srun.json"),
            start=start,
            job=1,
        )
        for name, content in (("srun", text), ("scontrol", SCONTROL)):
            (folder / name).write_text(content)
            (folder / name).chmod(0o755)
        return dict(PATH=f"{folder}:{os.environ['PATH']}", PORT=str(free_port))

    return make


def test_a_test_under_slurm_gives_the_scores_of_one_process(
    tiny_config: Path,
    tiny_checkpoint: Path,
    run_process: Run,
    run_tiny: Run,
    slurm: Callable[..., dict[str, str]],
    tmp_path: Path,
) -> None:
    if torch.cuda.is_available() and torch.cuda.device_count() < 2:
        pytest.skip("this machine has GPUs, but not 2")
    one, many = tmp_path / "one.pkl", tmp_path / "of two.pkl"
    assert run_tiny("test_recognizer", "--out", one).code == 0
    command = ["tools/slurm_test_recognizer.sh", "part", "a job", tiny_config, tiny_checkpoint]
    settings = slurm(options=7, start=True)
    ended = run_process(*command, "--out", many, GPUS="2", **settings)
    assert (ended.code, ended.err) == (0, "")
    expected, got = ScoreTable.load(one), ScoreTable.load(many)
    assert got.names == expected.names
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-6)
    assert ended.out.count("7 videos") == 1, ended.out


def test_what_srun_is_told(
    run_process: Run, slurm: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    """Names with spaces and quotes arrive whole; SRUN_ARGS are several."""
    ended = run_process(
        "tools/slurm_train_recognizer.sh",
        "gpu part",
        'job "7"',
        "my config.py",
        "--work-dir",
        "a b",
        GPUS="16",
        GPUS_PER_NODE="4",
        CPUS_PER_TASK="6",
        SRUN_ARGS="--time=2-0 --exclude=node7",
        **slurm(options=9, start=False),
    )
    assert (ended.code, ended.err) == (0, "")
    options, command = json.loads((tmp_path / "srun.json").read_text())
    assert options == {
        "partition": "gpu part",
        "job-name": 'job "7"',
        "gres": "gpu:4",
        "ntasks": "16",
        "ntasks-per-node": "4",
        "cpus-per-task": "6",
        "kill-on-bad-exit": "1",
        "time": "2-0",
        "exclude": "node7",
    }
    assert command[0] == sys.executable
    assert Path(command[2]).name == "train_recognizer.py"
    assert command[3:] == ["my config.py", "--work-dir", "a b", "--launcher", "slurm"]


@pytest.mark.parametrize(
    ("name", "value"), [("GPUS", "0"), ("GPUS_PER_NODE", "two"), ("CPUS_PER_TASK", "-1")]
)
def test_a_wrong_count(name: str, value: str, run_process: Run) -> None:
    ended = run_process("tools/slurm_train_recognizer.sh", "p", "j", "c.py", **{name: value})
    assert ended.error == f"{name} is '{value}': expected a whole number, 1 or more"


@pytest.mark.parametrize(("kind", "given"), [("train", 2), ("test", 3)])
def test_missing_arguments(kind: str, given: int, run_process: Run) -> None:
    ended = run_process(f"tools/slurm_{kind}_recognizer.sh", *["x"] * given)
    assert ended.code == 2
    assert ended.err.startswith(
        f"usage: tools/slurm_{kind}_recognizer.sh PARTITION JOB_NAME CONFIG"
    )
