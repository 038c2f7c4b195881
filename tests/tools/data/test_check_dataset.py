"""The command that checks data, as a user meets it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
COMMAND = ROOT / "tools/data/check_dataset.py"


def test_exit_code_0_without_errors(
    run_tool: Callable[..., Any], make_config: Callable[..., Path], own_data: Path
) -> None:
    (own_data / "train.txt").write_text("train/video 0 5 0\ntrain/video 1 6 1\n")
    done = run_tool("data/check_dataset", make_config(own_data), "--jobs", 2)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == f"train             {own_data}/train.txt: 2 videos in {own_data}/frames"
    assert lines[1] == f"val, test         {own_data}/val.txt: 2 videos in {own_data}/frames"
    assert lines[2] == "warning more-frames                 1"
    assert f"train: {own_data}/train.txt:1: {own_data}/frames/train/video 0: annotated" in lines[3]
    assert re.fullmatch(r"0 errors, 1 warning, 2 notes in \d+\.\d s", lines[-1])
    assert "4/4 videos" in done.err


def test_exit_code_1_with_errors(
    run_tool: Callable[..., Any], make_config: Callable[..., Path], own_data: Path, tmp_path: Path
) -> None:
    shutil.rmtree(own_data / "frames/train/video 0")
    other_size = own_data / "frames/val/video 1/img_00003.jpg"
    assert cv2.imwrite(str(other_size), np.zeros((9, 9, 3), np.uint8))
    out = tmp_path / "found/problems.json"
    done = run_tool(
        "data/check_dataset", make_config(own_data), "--decode", "--out", out, "--jobs", 2
    )
    assert done.code == 1, done.err
    assert done.out.splitlines()[-1].startswith("2 errors, 0 warnings, 2 notes in ")
    problems = [p for p in json.loads(out.read_text()) if p["severity"] == "error"]
    assert [(p["kind"], p["video"], p["line"]) for p in problems] == [
        ("missing-video", "train/video 0", 1),
        ("size-change", "val/video 1", 2),  # seen when decoded
    ]


def test_fast_looks_at_names_alone(
    run_tool: Callable[..., Any], make_config: Callable[..., Path], own_data: Path
) -> None:
    (own_data / "frames/val/video 1/img_00003.jpg").write_bytes(b"")
    config = make_config(own_data)
    assert run_tool("data/check_dataset", config, "--fast", "--jobs", 1).code == 0
    assert run_tool("data/check_dataset", config, "--jobs", 1).code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "list.txt"], "--out list.txt: expected a name that ends in .jsonl or .json"),
        (["--jobs", "0"], "jobs is 0, must be at least 1"),
        (["--cfg-options", "train_dataloader.dataset.type=Rawframes"], "Rawframes"),
        (["--cfg-options", "train_dataloader.dataset.start_indx=1"], "start_indx"),
    ],
)
def test_exit_code_2_where_the_config_can_not_be_used(
    run_tool: Callable[..., Any],
    make_config: Callable[..., Path],
    own_data: Path,
    arguments: list[str],
    message: str,
) -> None:
    done = run_tool("data/check_dataset", make_config(own_data), *arguments)
    assert done.code == 2
    assert message in done.error


def test_no_such_config(run_tool: Callable[..., Any]) -> None:
    done = run_tool("data/check_dataset", "nowhere.py")
    assert (done.code, done.error) == (2, "config nowhere.py: no such file")


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("to_all", [True, False])
def test_ctrl_c_ends_it_at_once(
    make_config: Callable[..., Path], own_data: Path, tmp_path: Path, to_all: bool
) -> None:
    lines = "".join(f"train/video 0{'/' * n} 6 0\n" for n in range(1, 3000))
    (own_data / "train.txt").write_text(lines)
    for number in range(7, 400):
        shutil.copy(
            own_data / "frames/train/video 0/img_00001.jpg",
            own_data / f"frames/train/video 0/img_{number:05d}.jpg",
        )
    out = tmp_path / "problems.jsonl"
    command = [sys.executable, COMMAND, make_config(own_data), "--decode", "--jobs", "2"]
    process = subprocess.Popen(
        [*map(str, command), "--out", str(out)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while len(children.read_text().split()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = children.read_text().split()
    time.sleep(0.3)
    started = time.monotonic()
    if to_all:  # as a terminal does
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - started < 5
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert len(workers) == 2
    assert not any(Path("/proc", worker).exists() for worker in workers)
    assert not list(tmp_path.glob("*problems.jsonl"))
