"""What a user sees of ``tools/visualize.py``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[..., Any]


def test_a_line_a_video_and_the_page(tiny_data: Path, run_tiny: Run, tmp_path: Path) -> None:
    videos = [tiny_data / f"frames/val/video {number}" for number in (0, 5)]
    ended = run_tiny("visualize", *videos, "--explainers", "attention,grad_cam")
    assert ended.code == 0, ended.err
    *lines, last = ended.out.splitlines()
    page = tmp_path / "work/visualization/index.html"
    for line, name in zip(lines[-2:], ("video 0", "video 5"), strict=True):
        with np.load(page.parent / name / "explanation.npz") as found:
            answer = ("bend", "jack", "wave")[int(found["prediction"])]
        assert re.fullmatch(rf"{name}  {answer} +\d+\.\d %", line), line
    assert last.split() == ["page", str(page)]
    assert page.is_file()
    assert (page.parent / "video 5/explanation.grad_cam.npz").is_file()


def test_a_mistake_costs_one_line(
    tiny_config: Path, tiny_data: Path, run_tiny: Run, tmp_path: Path
) -> None:
    video, out = tiny_data / "frames/val/video 0", tiny_config / "x"
    ended = run_tiny("visualize", video, "--out", out)
    assert re.search(r"--out='.*' can't be written to", ended.error), ended.error
    assert not (tmp_path / "work").exists()
