"""The command that makes motion_shapes, as a user meets it."""

from __future__ import annotations

import os
import re
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMMAND = ROOT / "tools/data/make_motion_shapes.py"
SMALL = ["--videos", "12", "--val-videos", "12", "--frames", "8", "--size", "32", "--jobs", "1"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process: its exit code, stdout and stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [str(COMMAND), *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_info:
            runpy.run_path(str(COMMAND), run_name="__main__")
        out, err = capsys.readouterr()
        return int(exit_info.value.code or 0), out, err

    return run


def test_makes_a_data_set_once(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "shapes"
    code, stdout, stderr = run(out, *SMALL)
    assert (code, stdout) == (0, f"{out}: made\n")
    assert re.fullmatch(r"motion_shapes: 24/24 videos, \d+/s, \d+\.\d s\n", stderr)
    assert len(list((out / "frames").iterdir())) == 24
    assert run(out, *SMALL) == (0, f"{out}: already there\n", "")


def test_takes_underscores_too(run: Run, tmp_path: Path) -> None:
    arguments = [argument.replace("--val-", "--val_") for argument in SMALL]
    assert run(tmp_path / "shapes", *SMALL)[0] == 0
    assert "already there" in run(tmp_path / "shapes", *arguments)[1]


def test_a_fifth_of_the_videos_is_for_validation(run: Run, tmp_path: Path) -> None:
    small = ["--frames", "8", "--size", "32", "--jobs", "2"]
    assert run(tmp_path / "many", "--videos", "70", *small)[0] == 0
    assert len((tmp_path / "many/val.txt").read_text().splitlines()) == 14
    assert run(tmp_path / "few", "--videos", "12", *small)[0] == 0
    assert len((tmp_path / "few/val.txt").read_text().splitlines()) == 12


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--videos", "11"], "videos is 11, must be at least 12"),
        (["--val_videos", "3"], "val_videos is 3, must be at least 12"),
        (["--frames", "7"], "frames is 7, must be at least 8"),
        (["--size", "16"], "size is 16, must be at least 32"),
        (["--seed", "-1"], "seed is -1, must be at least 0"),
        (["--jobs", "0"], "jobs is 0, must be at least 1"),
    ],
)
def test_bad_options_cost_one_line(
    run: Run, tmp_path: Path, arguments: list[str], problem: str
) -> None:
    code, stdout, stderr = run(tmp_path / "shapes", *arguments)
    assert (code, stdout) == (2, "")
    assert stderr.startswith(f"error: {problem}")
    assert stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_costs_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, stderr = run(tmp_path / "file/shapes", *SMALL)
    assert code == 2
    assert re.fullmatch(r"error: .*file/shapes can't be written: .*\n", stderr)


def test_other_options_need_overwrite(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "shapes"
    run(out, *SMALL)
    code, _, stderr = run(out, *SMALL, "--seed", "1")
    assert code == 2
    assert re.fullmatch(r"error: .*shapes holds a motion_shapes data set.*--overwrite\n", stderr)
    assert run(out, *SMALL, "--seed", "1", "--overwrite")[0] == 0
    assert '"seed": 1' in (out / "motion_shapes.json").read_text()


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
