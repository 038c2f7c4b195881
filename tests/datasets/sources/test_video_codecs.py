"""Frames alone and several, in every codec and container, beside decoding from the start."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from mmaction.datasets.sources.video import count_frames, read_frames
from mmaction.errors import DataError
from tests.frame_fixtures import write_film

SIZE, FRAMES, STEP = 64, 30, 8
# Encoder, its options, how many B frames, and the containers that take it.
ENCODERS = [
    ("libx264", {}, None, ("mp4", "mkv", "avi", "mov", "ts")),
    ("libx264", {"x264-params": "open-gop=1"}, 3, ("mp4", "mkv", "mov")),
    ("libx265", {"x265-params": "log-level=none"}, 3, ("mp4", "mkv", "mov")),
    ("libvpx", {}, None, ("webm", "mkv")),
    ("libvpx-vp9", {}, None, ("mp4", "webm", "mkv")),
    ("libsvtav1", {}, None, ("mp4", "webm", "mkv", "avi")),
    ("mpeg4", {}, 2, ("mp4", "mkv", "avi", "mov")),
    ("mpeg2video", {}, None, ("mpg",)),
    ("mjpeg", {}, None, ("mp4", "mkv", "avi", "mov")),
]
CASES = [
    pytest.param(*encoder, container, id=f"{encoder[0]}-{number}-{container}")
    for number, (*encoder, containers) in enumerate(ENCODERS)
    for container in containers
]


@pytest.mark.parametrize(("codec", "options", "b_frames", "container"), CASES)
def test_frames_are_those_of_sequential_decoding(
    codec: str, options: dict[str, str], b_frames: int | None, container: str, tmp_path: Path
) -> None:
    try:
        av.codec.Codec(codec, "w")
    except av.FFmpegError:
        pytest.skip(f"this PyAV has no {codec}")
    path = write_film(
        tmp_path / f"a.{container}",
        FRAMES,
        step=STEP,
        width=SIZE,
        height=SIZE,
        codec=codec,
        options=options,
        gop_size=12,
        **({} if b_frames is None else {"max_b_frames": b_frames}),
    )
    with av.open(str(path)) as file:
        expected = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(expected) == FRAMES
    assert count_frames(path) == FRAMES
    drawn = np.random.default_rng(0).permutation(FRAMES).reshape(3, -1)
    alone = np.arange(FRAMES)[:, None]
    # A step is 8 levels; conversion to RGB on several threads may round differently.
    for positions in (*alone.tolist(), *np.sort(drawn).tolist()):
        frames = read_frames(path, positions)
        assert (frames.dtype, len(frames)) == (np.uint8, len(positions))
        wanted = np.stack([expected[position] for position in positions])
        assert abs(frames.astype(int) - wanted).max() <= 1, positions
    with pytest.raises(DataError, match=rf"{path.name}' has 30 frames; frame 30, counted from 0,"):
        read_frames(path, [3, FRAMES])


def test_a_cover_picture_before_the_video_is_not_read(tmp_path: Path) -> None:
    path = write_film(
        tmp_path / "a.mkv", 10, step=20, width=SIZE, height=SIZE, codec="mpeg4", cover=True
    )
    frames = read_frames(path, [0, 9])
    assert frames.shape == (2, SIZE, SIZE, 3)
    assert abs(frames.mean(axis=(1, 2, 3)) - [0, 180]).max() < 5
