"""The command that makes motion_shapes, as a user meets it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMMAND = ROOT / "tools/data/make_motion_shapes.py"
SMALL = ["--videos", "12", "--frames", "8", "--size", "32", "--jobs", "1"]


@pytest.fixture
def run(run_tool: Callable) -> Callable:
    return partial(run_tool, "data/make_motion_shapes")


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_makes_a_data_set_once_and_another_on_demand(run: Callable, tmp_path: Path) -> None:
    out = tmp_path / "shapes"
    made = run(out, *SMALL)
    assert (made.code, made.out) == (0, f"{out}: made\n")
    assert re.fullmatch(r"motion_shapes: 24/24 videos, \d+/s, \d+\.\d s\n", made.err)
    assert len(list((out / "frames").iterdir())) == 24
    again = run(out, *SMALL, "--val_videos", "12")  # underscores will do
    assert (again.code, again.out, again.err) == (0, f"{out}: already there\n", "")
    other = run(out, *SMALL, "--seed", "1")
    assert other.code == 2
    assert re.fullmatch(r".*shapes holds a motion_shapes data set.*--overwrite", other.error)
    assert '"seed": 0' in (out / "motion_shapes.json").read_text()
    assert run(out, *SMALL, "--seed", "1", "--overwrite").code == 0
    assert '"seed": 1' in (out / "motion_shapes.json").read_text()
    assert os.listdir(tmp_path) == ["shapes"]


def test_a_fifth_of_the_videos_is_for_validation(run: Callable, tmp_path: Path) -> None:
    assert run(tmp_path, *SMALL, "--videos", "70").code == 0  # an empty directory is filled
    assert (lines_of(tmp_path / "train.txt"), lines_of(tmp_path / "val.txt")) == (70, 14)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--videos", "11"], "videos is 11, must be at least 12"),
        (["--val_videos", "3"], "val_videos is 3, must be at least 12"),
        (["--frames", "7"], "frames is 7, must be at least 8"),
        (["--size", "16"], "size is 16, must be at least 32"),
        (["--seed", "-1"], "seed is -1, must be at least 0"),
        (["--jobs", "0"], "jobs is 0, must be at least 1"),
        (["--camera", "circle"], "camera is 'circle': expected one of still, pan, zoom, shake, f"),
        (["--shortcut", "95"], "shortcut is 95.0: expected a share from 0 to 1"),
    ],
)
def test_bad_options_cost_one_line(
    run: Callable, tmp_path: Path, arguments: list[str], problem: str
) -> None:
    done = run(tmp_path / "shapes", *SMALL, *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.error.startswith(problem)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_what_is_no_data_set_is_never_replaced(
    run: Callable, tmp_path: Path, overwrite: list[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("years of work")
    (tmp_path / "file").touch()
    for out, problem in (
        ("out", "out exists and is no motion_shapes data set"),
        ("file", "file exists and is no motion_shapes data set"),
        ("file/out", "file/out can't be written: .*"),
    ):
        done = run(tmp_path / out, *SMALL, *overwrite)
        assert done.code == 2
        assert re.search(problem, done.error)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]
    assert (tmp_path / "out/thesis.txt").read_text() == "years of work"


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, COMMAND, tmp_path / "shapes", "--videos", "100000", "--jobs", "2"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".shapes.*/new/frames/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the workers too
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "interrupted"
    assert "Traceback" not in stderr
    assert not list(tmp_path.iterdir())
