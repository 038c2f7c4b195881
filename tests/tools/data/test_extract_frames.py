"""The command that extracts frames, as a user meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.dataprep.conftest import write_video

ROOT = Path(__file__).resolve().parents[3]
COMMAND = ROOT / "tools/data/extract_frames.py"
FRAMES, VIDEOS = 60, 30


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos enough that a run takes a while; read only."""
    root = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    images = [np.roll(image, number, axis=1) for number in range(FRAMES)]
    write_video(root / "v00.mov", images=images)
    data = (root / "v00.mov").read_bytes()
    for number in range(1, VIDEOS):
        (root / f"v{number:02d}.mov").write_bytes(data)
    return root


def start(videos: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, COMMAND, videos, out, "--jobs", "2", *options],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def halt_midway(process: subprocess.Popen[str], out: Path) -> None:
    """Lets the command run in short turns, until it stands still with some videos done, not all.

    Looking while it runs would be too late where the machine gives this process no time.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        os.killpg(process.pid, signal.SIGSTOP)
        if 0 < len(done(out)) < VIDEOS and list(out.glob(".partial/*/new/*.jpg")):
            return
        os.killpg(process.pid, signal.SIGCONT)
        time.sleep(0.01)
    pytest.fail("the command was never seen midway")


def done(out: Path) -> list[Path]:
    return [path for path in out.glob("*") if path.is_dir() and not path.name.startswith(".")]


def assert_whole(out: Path) -> None:
    """Whatever has a name of its own has all its frames."""
    for directory in done(out):
        assert len(list(directory.glob("img_*.jpg"))) == FRAMES
        last = directory / f"img_{FRAMES:05d}.jpg"
        assert last.read_bytes().endswith(b"\xff\xd9")


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_stopped_midway_it_goes_on_where_it_was(
    videos: Path, tmp_path: Path, how: signal.Signals
) -> None:
    out = tmp_path / "out"
    process = start(videos, out)
    halt_midway(process, out)
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does, to the workers too
    else:
        process.kill()  # this process alone: its workers have to notice
    os.killpg(process.pid, signal.SIGCONT)
    _, stderr = process.communicate(timeout=60)  # until none of them holds its end of the pipes
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert stderr.splitlines()[-1] == "interrupted"
        assert "Traceback" not in stderr
        assert not (out / ".partial").exists()
    assert_whole(out)

    resumed = start(videos, out)
    stdout, stderr = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, stderr
    already = int(stdout.split(" already there")[0].split()[-1])
    assert 0 < already < VIDEOS
    assert f"{VIDEOS - already} videos extracted" in stdout
    assert len(done(out)) == VIDEOS
    assert_whole(out)
    assert not (out / ".partial").exists()


def test_reports_what_failed(run_tool: Callable, tmp_path: Path) -> None:
    write_video(tmp_path / "in/good.mp4", frames=3)
    (tmp_path / "in/bad.mp4").touch()
    report = tmp_path / "report.json"
    arguments = (tmp_path / "in", tmp_path / "out", "--jobs", 1, "--report", report)
    done = run_tool("data/extract_frames", *arguments)
    problem = f"video '{tmp_path}/in/bad.mp4' can't be read: it is empty (zero bytes)"
    assert done.code == 1
    assert done.out.splitlines() == [
        f"{tmp_path}/out: 1 videos extracted (3 frames), 0 already there, 1 failed",
        f"failed: {problem}",
    ]
    assert json.loads(report.read_text()) == {
        "extracted": ["good"],
        "already_there": 0,
        "damaged": {},
        "failed": {f"{tmp_path}/in/bad.mp4": problem},
        "frames": 3,
    }
    (tmp_path / "in/bad.mp4").unlink()
    done = run_tool("data/extract_frames", *arguments)
    assert (done.code, done.err) == (0, "")
    assert "0 videos extracted (0 frames), 1 already there, 0 failed" in done.out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--jobs", "0"], "jobs is 0, must be at least 1"),
        (["--image_tmpl", "x.jpg"], "image_tmpl='x.jpg' is no file name"),
    ],
)
def test_bad_options_cost_one_line(
    run_tool: Callable, tmp_path: Path, options: list[str], problem: str
) -> None:
    write_video(tmp_path / "in/a.mp4", frames=2)
    done = run_tool("data/extract_frames", tmp_path / "in", tmp_path / "out", *options)
    assert done.code == 2
    assert done.error.startswith(problem)
    assert not (tmp_path / "out").exists()
