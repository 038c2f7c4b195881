"""Small real data sets on disk, and samples to put through single transforms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from mmaction.datasets.sources.directory import FrameDirectory
from mmaction.datasets.transforms.geometry import View

WriteFrames = Callable[..., Path]


def smooth_image(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Soft coloured blotches, uint8, H×W×3, without fine detail that resizing would lose."""
    blotches = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC)


def write_frame_files(
    directory: Path,
    count: int,
    *,
    width: int = 64,
    height: int = 48,
    image_tmpl: str = "img_{:05d}.jpg",
    start_index: int = 1,
    seed: int = 0,
) -> Path:
    """Write a video's frames as image files, and return their directory."""
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, count])
    for number in range(start_index, start_index + count):
        path = directory / image_tmpl.format(number)
        assert cv2.imwrite(str(path), smooth_image(rng, width, height))
    return directory


def write_film(path: Path, frames: int, *, step: int, width: int = 48, height: int = 36) -> Path:
    """Write a film of grey frames, brightness ``step``·i, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            picture = np.full((height, width, 3), step * number, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def write_frames() -> WriteFrames:
    return write_frame_files


@pytest.fixture(scope="session")
def write_video() -> WriteFrames:
    return write_film


@pytest.fixture(scope="session")
def video_root(tmp_path_factory: pytest.TempPathFactory, write_frames: WriteFrames) -> Path:
    """Six videos of 3 to 8 frames with ``list.txt`` and ``classes.txt`` beside them; read only."""
    root = tmp_path_factory.mktemp("videos")
    lines = []
    for video in range(6):
        name = f"person {video // 2}/video{video}"
        write_frames(root / name, 3 + video, seed=video)
        lines.append(f"{name} {3 + video} {video % 3}\n")
    (root / "list.txt").write_text("".join(lines))
    (root / "classes.txt").write_text("bend\njack\nwave\n")
    return root


@pytest.fixture
def make_results() -> Callable[..., dict[str, Any]]:
    """A function that makes the results of a sample, its frames decoded."""

    def make(
        *, width: int = 64, height: int = 48, frames: int = 3, label: int | None = 0, seed: int = 0
    ) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        images = np.stack([smooth_image(rng, width, height) for _ in range(frames)])
        return {
            "index": 7,
            "name": "person/video",
            "label": label,
            "total_frames": frames,
            "rng": rng,
            "source": FrameDirectory("videos", "img_{:05d}.jpg", 1),
            "frame_indices": np.arange(frames)[None],
            "frames": images,
            "frame_slots": np.arange(frames)[None],
            "views": [View.whole(width, height)],
        }

    return make
