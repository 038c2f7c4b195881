from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from hypothesis import given
from hypothesis import strategies as st

from mmaction.dataprep.video_decoding import (
    TimedFrame,
    VideoFrames,
    fitted_size,
    resample,
    resize,
)
from mmaction.datasets.sources.video import to_rgb
from mmaction.errors import DataError

from .conftest import WriteVideo, grey_levels


def pixels(path: Path) -> list[np.ndarray]:
    return [to_rgb(timed.frame, VideoReformatter()) for timed in VideoFrames(path)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".webm"])
def test_every_frame_once_in_order(write_video: WriteVideo, tmp_path: Path, suffix: str) -> None:
    frames = VideoFrames(write_video(tmp_path / f"v{suffix}", frames=8))
    decoded = [to_rgb(timed.frame, VideoReformatter()) for timed in frames]
    assert frames.damage is None
    assert {(image.shape, image.dtype.name) for image in decoded} == {((48, 64, 3), "uint8")}
    levels = [float(image.mean()) for image in decoded]
    np.testing.assert_allclose(levels, grey_levels(8), atol=5)


def test_frames_of_variable_rate_come_once_with_their_times(
    write_video: WriteVideo, tmp_path: Path
) -> None:
    times = [0, 40, 50, 400, 420, 1000]
    path = write_video(tmp_path / "v.mkv", frames=6, times_ms=times)
    starts = [timed.start_sec for timed in VideoFrames(path)]
    np.testing.assert_allclose(np.array(starts) * 1000, times, atol=1)


def test_colours_are_those_of_limited_range(tmp_path: Path) -> None:
    # BT.601 limited range by its formula: Y 81, Cb 90, Cr 240 is red.
    y, cb, cr = 81, 90, 240
    expected = [
        1.164 * (y - 16) + 1.596 * (cr - 128),
        1.164 * (y - 16) - 0.813 * (cr - 128) - 0.391 * (cb - 128),
        1.164 * (y - 16) + 2.018 * (cb - 128),
    ]
    frame = av.VideoFrame(64, 48, "yuv420p")
    for plane, value in zip(frame.planes, (y, cb, cr), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    image = to_rgb(frame, VideoReformatter())
    np.testing.assert_allclose(image[20, 20], np.clip(expected, 0, 255), atol=3)
    np.testing.assert_array_equal(image, frame.to_ndarray(format="rgb24"))


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_rotation_in_the_file_is_applied(
    write_video: WriteVideo, tmp_path: Path, degrees: int
) -> None:
    if not hasattr(av.video.stream.VideoStream, "set_display_rotation"):
        pytest.skip("this PyAV can't write a rotation")
    stored = np.zeros((48, 64, 3), dtype=np.uint8)
    stored[:16, :16] = 255  # a white corner, top left
    path = write_video(tmp_path / "v.mp4", images=[stored] * 3, rotation=degrees)
    image = pixels(path)[0]
    # Counter-clockwise by 90 degrees, the top left corner comes to the bottom left.
    corner = {90: (-8, 8), 180: (-8, -8), -90: (8, -8)}[degrees]
    assert image.shape == ((48, 64, 3) if degrees == 180 else (64, 48, 3))
    assert image[corner].mean() > 200
    assert image.mean() < 60


def test_frames_are_those_of_video_dataset(write_video: WriteVideo, tmp_path: Path) -> None:
    video_file = pytest.importorskip("mmaction.datasets.sources.video")
    rng = np.random.default_rng(0)
    images = [
        cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8), (64, 48)) for _ in range(6)
    ]
    path = write_video(tmp_path / "v.mp4", images=images)
    read = video_file.read_frames(path, range(6))
    np.testing.assert_array_equal(read, np.stack(pixels(path)))


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def noise(frames: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(frames)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".webm"])
def test_half_a_file_is_damaged(write_video: WriteVideo, tmp_path: Path, suffix: str) -> None:
    whole = write_video(tmp_path / f"v{suffix}", images=noise(30), fps=15, faststart=True)
    frames = VideoFrames(cut(whole, 0.5))
    count = sum(1 for _ in frames)
    assert 0 < count < 30
    assert frames.damage


def test_what_gives_no_frame_is_an_error(write_video: WriteVideo, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "random.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    cut(write_video(tmp_path / "no_index.mp4"), 0.5)
    (tmp_path / "folder.mp4").mkdir()
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    for name, problem in (
        ("empty.mp4", r"empty \(zero bytes\)"),
        ("random.mp4", "no video"),
        ("no_index.mp4", "no video file, or truncated"),
        ("folder.mp4", "directory"),
        ("sound.mp4", "no video stream"),
        ("missing.mp4", "No such file"),
    ):
        with pytest.raises(DataError, match=problem) as error:
            list(VideoFrames(tmp_path / name))
        assert str(tmp_path) not in str(error.value)


def timed(times: list[float], last_sec: float) -> list[TimedFrame]:
    ends = [*times[1:], times[-1] + last_sec]
    return [
        TimedFrame(number, start, end - start)  # type: ignore[arg-type]  # any frame will do
        for number, (start, end) in enumerate(zip(times, ends, strict=True))
    ]


def taken(frames: list[TimedFrame], fps: float) -> list[int]:
    return [int(frame.frame) for frame, times in resample(frames, fps) for _ in range(times)]


def test_resampling_by_hand() -> None:
    ten_a_second = timed([n / 10 for n in range(10)], 0.1)
    assert taken(ten_a_second, 10) == list(range(10))
    assert taken(ten_a_second, 5) == [0, 2, 4, 6, 8]
    assert taken(ten_a_second, 20) == [n // 2 for n in range(20)]
    assert taken(ten_a_second, 0.1) == [0]
    # Seen: 0 from 0 s, 1 from 0.04 s, 2 from 0.9 s until 1 s; looked at every 0.25 s.
    assert taken(timed([5.0, 5.04, 5.9], 0.1), 4) == [0, 1, 1, 1]
    assert taken([], 4) == []


@given(
    gaps=st.lists(st.integers(5, 2000), min_size=1, max_size=30),
    fps=st.sampled_from([1, 3, 12, 25, 29.97]),
)
def test_resampling_shows_what_is_seen_at_each_time(gaps: list[int], fps: float) -> None:
    times = [sum(gaps[:n]) / 1000 for n in range(len(gaps))]
    end = sum(gaps) / 1000
    got = taken(timed(times, gaps[-1] / 1000), fps)
    assert len(got) >= 1
    assert abs(len(got) - end * fps) <= 1 + 0.01 * fps
    for k, number in enumerate(got):
        moment = k / fps
        assert times[number] <= moment + 0.003  # the tolerance, and a little
        if number + 1 < len(times):
            assert times[number + 1] >= moment - 1e-9 or abs(times[number + 1] - moment) < 0.003


@pytest.mark.parametrize(
    ("size", "short_side", "enlarge", "expected"),
    [
        ((340, 256), None, False, (340, 256)),
        ((340, 256), 128, False, (170, 128)),
        ((256, 340), 128, False, (128, 170)),
        ((320, 240), 480, False, (320, 240)),
        ((320, 240), 480, True, (640, 480)),
        ((1, 1000), 1, False, (1, 1000)),
    ],
)
def test_fitted_size(
    size: tuple[int, int], short_side: int | None, enlarge: bool, expected: tuple[int, int]
) -> None:
    assert fitted_size(*size, short_side, enlarge=enlarge) == expected


def test_making_smaller_averages() -> None:
    board = np.indices((8, 8)).sum(axis=0) % 2 * np.uint8(200)
    image = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    np.testing.assert_array_equal(resize(image, (4, 4)), np.full((4, 4, 3), 100, np.uint8))
