"""Every frame by itself, in every codec and container, beside decoding from the start."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mmaction.datasets.sources.video import read_frames

SIZE, FRAMES, STEP = 64, 30, 8
# Encoder, its options, how many B frames, and the containers that take it.
ENCODERS = [
    ("libx264", {}, None, ("mp4", "mkv", "avi", "mov")),
    ("libx264", {"x264-params": "open-gop=1"}, 3, ("mp4", "mkv", "mov")),
    ("libx265", {"x265-params": "log-level=none"}, 3, ("mp4", "mkv", "mov")),
    ("libvpx", {}, None, ("webm", "mkv")),
    ("libvpx-vp9", {}, None, ("mp4", "webm", "mkv")),
    ("libsvtav1", {}, None, ("mp4", "webm", "mkv", "avi")),
    ("mpeg4", {}, 2, ("mp4", "mkv", "avi", "mov")),
    ("mjpeg", {}, None, ("mp4", "mkv", "avi", "mov")),
]
CASES = [
    pytest.param(*encoder, container, id=f"{encoder[0]}-{number}-{container}")
    for number, (*encoder, containers) in enumerate(ENCODERS)
    for container in containers
]


def write(path: Path, codec: str, options: dict[str, str], b_frames: int | None) -> None:
    """Frame i is of the grey ``i * STEP``."""
    try:
        av.codec.Codec(codec, "w")
    except av.FFmpegError:
        pytest.skip(f"this PyAV has no {codec}")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = SIZE, SIZE
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.gop_size = 12
        if b_frames is not None:
            stream.codec_context.max_b_frames = b_frames
        for number in range(FRAMES):
            image = np.full((SIZE, SIZE, 3), number * STEP, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(("codec", "options", "b_frames", "container"), CASES)
def test_each_frame_by_itself_is_the_one_of_sequential_decoding(
    codec: str, options: dict[str, str], b_frames: int | None, container: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{container}"
    write(path, codec, options, b_frames)
    with av.open(str(path)) as file:
        expected = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(expected) == FRAMES
    for position in range(FRAMES):
        frame = read_frames(path, [position])[0].astype(int)
        # A step is 8 levels; conversion to RGB on several threads may round differently.
        assert abs(frame - expected[position]).max() <= 1, position


def test_a_cover_picture_before_the_video_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 16, 16, "yuvj420p"
        film = container.add_stream("mpeg4", rate=25)
        film.width, film.height, film.pix_fmt = SIZE, SIZE, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        container.mux(cover.encode(picture))
        container.mux(cover.encode())
        for number in range(10):
            image = np.full((SIZE, SIZE, 3), 20 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(film.encode(frame))
        container.mux(film.encode())
    frames = read_frames(path, [0, 9])
    assert frames.shape == (2, SIZE, SIZE, 3)
    assert abs(frames.mean(axis=(1, 2, 3)) - [0, 180]).max() < 5
