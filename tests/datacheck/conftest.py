"""A video that the tests of inspection damage, and a look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmaction.datacheck.findings import Depth, Inspected
from mmaction.datacheck.inspection import inspect_video
from mmaction.datacheck.problems import Problem
from mmaction.datasets.sources.directory import FrameDirectory

FRAMES = 6
FILES_ON = [Depth.FILES, Depth.PIXELS]


def source_of(video: Path) -> FrameDirectory:
    return FrameDirectory(str(video.parent), "img_{:05d}.jpg", 1)


def look(video: Path, annotated: int = FRAMES, depth: Depth = Depth.PIXELS) -> Inspected:
    return inspect_video(source_of(video), video.name, annotated, depth=depth)


def only(inspected: Inspected) -> Problem:
    [finding] = inspected.findings
    return finding


def frame(video: Path, number: int) -> Path:
    return video / f"img_{number:05d}.jpg"


def make_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.fixture
def video(tmp_path: Path, write_frames: Callable[..., Path]) -> Path:
    """Six frames of 64×48 pixels, numbered from 1."""
    return write_frames(tmp_path / "a", FRAMES)
