"""Small real data sets on disk, and samples to put through single transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
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


def write_film(
    path: Path,
    frames: int = 0,
    *,
    step: int = 0,
    width: int = 48,
    height: int = 36,
    images: Sequence[np.ndarray] = (),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    times: Sequence[int] = (),
    cover: bool = False,
    rotation: int = 0,
    faststart: bool = False,
    **settings: int,
) -> Path:
    """Write a film and return its path.

    Args:
        path: Its suffix says which container.
        frames: How many grey ones, brightness ``step``·i; none where there are ``images``.
        step, width, height: Of these.
        images: uint8 RGB, H×W×3 each.
        codec: FFmpeg's name of it.
        options: Of the codec.
        times: When the frames are shown, in tenths of a second; one after the other if empty.
        cover: Put a small black picture in a stream of its own before the film.
        rotation: Degrees, counter-clockwise, that players turn it by.
        faststart: Put an MP4's index before its frames.
        settings: Of the codec's context, such as ``gop_size``.
    """
    images = images or [np.full((height, width, 3), step * n, np.uint8) for n in range(frames)]
    rate = Fraction(1, 10)
    path.parent.mkdir(parents=True, exist_ok=True)
    container_options = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=container_options) as container:
        if cover:
            picture = container.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 16, 16, "yuvj420p"
        film = container.add_stream(codec, rate=10, options=options or {})
        film.height, film.width = images[0].shape[:2]
        film.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        film.codec_context.time_base = rate
        if rotation:
            film.set_display_rotation(rotation)
        for key, value in settings.items():
            setattr(film.codec_context, key, value)
        if cover:
            black = np.zeros((16, 16, 3), np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(black, format="rgb24")))
            container.mux(picture.encode())
        for time, image in zip(times or range(len(images)), images, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = time, rate
            container.mux(film.encode(frame))
        container.mux(film.encode())
    return path


@pytest.fixture(scope="session")
def write_frames() -> WriteFrames:
    return write_frame_files


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
            "frame_size": (height, width),
            "views": [View.whole(width, height)],
        }

    return make
