"""Real video files, made here, and empty frames where only their names matter."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

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
    fps: int = 10,
    times_ms: Sequence[int] | None = None,
    rotation: int = 0,
    images: Sequence[np.ndarray] | None = None,
    faststart: bool = False,
) -> Path:
    """A video of flat grey frames that get lighter, or of ``images``, each at its time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if images is None:
        images = [np.full((height, width, 3), g, dtype=np.uint8) for g in grey_levels(frames)]
    height, width = images[0].shape[:2]
    options = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(CODECS[path.suffix], rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times_ms is not None:
                frame.pts, frame.time_base = times_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def touch_frames(
    directory: Path, count: int, *, image_tmpl: str = "img_{:05d}.jpg", start: int = 1
) -> None:
    """Empty files with the names of frames."""
    directory.mkdir(parents=True)
    for number in range(start, start + count):
        (directory / image_tmpl.format(number)).touch()
