"""What the tutorial tells people to type works, one line after the other."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_commands_of_the_tutorial(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    spec = importlib.util.spec_from_file_location("tutorial", ROOT / "docs/tutorial.py")
    tutorial = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tutorial)
    tutorial.make_videos(tmp_path, count=4)
    train, *others, serve = tutorial.commands()
    tutorial.type_command(f"{train} --epochs 1", tmp_path)
    for line in others:
        tutorial.type_command(line, tmp_path)
    assert (tmp_path / "mine/explanations/index.html").is_file()
    with (tmp_path / "answers.csv").open() as file:
        assert [row["error"] for row in csv.DictReader(file)] == [""] * len(tutorial.CLASSES)
    assert (tmp_path / "film.mp4").stat().st_size > 1000
    with tutorial.served(serve, tmp_path) as url:
        files = {"video": (tmp_path / "long.mp4").read_bytes()}
        answer = httpx.post(f"{url}predict?window_sec=2", files=files, timeout=60).json()
        assert len(answer["parts"]) == len(tutorial.CLASSES)
