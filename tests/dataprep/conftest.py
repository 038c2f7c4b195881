"""Real video files, made here, and empty frames where only their names matter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.frame_fixtures import write_film

CODECS = {
    ".mp4": "libx264",
    ".mkv": "libx264",
    ".mov": "mpeg4",
    ".avi": "mpeg4",
    ".webm": "libvpx-vp9",
}


def grey_levels(frames: int) -> list[int]:
    """Levels that are told apart after compression, one a frame."""
    return [20 + 200 * number // max(frames - 1, 1) for number in range(frames)]


def noise(frames: int) -> list[np.ndarray]:
    """Images that compress badly: a file of them can be cut between frames."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(frames)]


def cut(path: Path, share: float) -> None:
    """Leaves the first ``share`` of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def write_video(
    path: Path,
    *,
    frames: int = 8,
    width: int = 64,
    height: int = 48,
    images: Sequence[np.ndarray] = (),
    **options: Any,
) -> Path:
    """A video of flat grey frames that get lighter, or of ``images``: see ``write_film``."""
    grey = [np.full((height, width, 3), level, dtype=np.uint8) for level in grey_levels(frames)]
    return write_film(path, images=images or grey, codec=CODECS[path.suffix], **options)


def touch_frames(
    directory: Path, count: int, *, image_tmpl: str = "img_{:05d}.jpg", start: int = 1
) -> None:
    """Empty files with the names of frames."""
    directory.mkdir(parents=True)
    for number in range(start, start + count):
        (directory / image_tmpl.format(number)).touch()
