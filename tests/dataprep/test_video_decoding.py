from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from hypothesis import given
from hypothesis import strategies as st

from mmaction.dataprep.video_decoding import TimedFrame, resample, timed_frames
from mmaction.datasets.sources.video import read_frames, to_rgb
from mmaction.errors import DataError

from .conftest import cut, grey_levels, noise, write_video


def pixels(path: Path) -> list[np.ndarray]:
    return [to_rgb(timed.frame, VideoReformatter()) for timed in timed_frames(path)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".webm"])
def test_every_frame_once_in_order(tmp_path: Path, suffix: str) -> None:
    decoded = pixels(write_video(tmp_path / f"v{suffix}", frames=8))
    assert {(image.shape, image.dtype.name) for image in decoded} == {((48, 64, 3), "uint8")}
    levels = [float(image.mean()) for image in decoded]
    np.testing.assert_allclose(levels, grey_levels(8), atol=5)


def test_frames_of_variable_rate_come_once_with_their_times(tmp_path: Path) -> None:
    times = [0, 4, 5, 40, 42, 100]
    path = write_video(tmp_path / "v.mkv", frames=6, times=times)
    starts = [timed.start_sec for timed in timed_frames(path)]
    np.testing.assert_allclose(np.array(starts) * 10, times, atol=0.01)


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


def test_frames_are_those_of_video_dataset(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", images=noise(6), rotation=90)
    decoded = pixels(path)
    assert decoded[0].shape == (64, 48, 3)
    np.testing.assert_array_equal(read_frames(path, range(6)), np.stack(decoded))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi", ".webm"])
def test_half_a_file_gives_the_frames_before_the_damage(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"v{suffix}", images=noise(30), faststart=True)
    cut(path, 0.5)
    frames: list[TimedFrame] = []
    with pytest.raises(DataError, match=f"v{suffix}'.* (damaged|truncated)"):
        frames.extend(timed_frames(path))
    assert 0 < len(frames) < 30


def timed(times: list[float], last_sec: float) -> list[TimedFrame]:
    ends = [*times[1:], times[-1] + last_sec]
    return [
        TimedFrame(number, start, end - start)  # type: ignore[arg-type]  # any frame will do
        for number, (start, end) in enumerate(zip(times, ends, strict=True))
    ]


def taken(frames: list[TimedFrame], fps: float) -> list[int]:
    return [int(frame.frame) for frame in resample(frames, fps)]


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
