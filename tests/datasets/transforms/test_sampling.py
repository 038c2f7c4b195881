from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.datasets.transforms.pipeline import Transform
from mmaction.datasets.transforms.sampling import SampleFrames, SampleSegments
from mmaction.errors import ConfigError


def sample(transform: Transform, total_frames: int, seed: int = 0) -> np.ndarray:
    results = {"total_frames": total_frames, "rng": np.random.default_rng(seed)}
    indices = transform(results)["frame_indices"]
    assert indices.dtype == np.int64
    return indices


@pytest.mark.parametrize(
    ("options", "total", "expected"),
    [
        # 10 frames, a window spanning 7 can start at 0..3.
        (dict(clip_len=4, frame_interval=2, placement="center"), 10, [[1, 3, 5, 7]]),
        # The window spans 4 of 13 frames, starts are 0..9.
        (
            dict(clip_len=4, num_clips=4, placement="even"),
            13,
            [[n, n + 1, n + 2, n + 3] for n in (0, 3, 6, 9)],
        ),
        (dict(clip_len=4, placement="even"), 12, [[4, 5, 6, 7]]),
        (dict(clip_len=1, num_clips=2, placement="center"), 9, [[2], [6]]),
        # Outside of training, the middle of a range.
        (dict(clip_len=3, frame_interval=(1, 3), placement="center"), 9, [[2, 4, 6]]),
        # Videos that are too short.
        (dict(clip_len=6, frame_interval=2, placement="center"), 5, [[0, 2, 4, 4, 4, 4]]),
        (
            dict(clip_len=6, frame_interval=2, placement="center", short_video="loop"),
            5,
            [[0, 2, 4, 1, 3, 0]],
        ),
    ],
)
def test_dense_windows(options: dict[str, Any], total: int, expected: list[list[int]]) -> None:
    assert sample(SampleFrames(**options), total).tolist() == expected


def test_temporal_jitter_moves_each_frame_within_its_step() -> None:
    plain, jittered = (
        np.stack(
            [sample(SampleFrames(clip_len=4, frame_interval=3, **o), 40, s) for s in range(90)]
        )
        for o in (dict(), dict(temporal_jitter=True))
    )
    moved = (jittered - plain).reshape(90, 4)
    # A third of the draws for each of 0, 1 and 2; 5 standard deviations are 45.
    assert abs(np.bincount(moved.ravel(), minlength=3) - 120).max() < 45
    assert len(np.unique(moved, axis=0)) > 50, "each frame by a number of its own"


def test_random_windows_reach_every_start_equally_often() -> None:
    transform = SampleFrames(clip_len=3, frame_interval=2)
    starts = [sample(transform, 8, seed)[0, 0] for seed in range(800)]
    counts = np.bincount(starts, minlength=4)
    # 200 each of the 4 starts; 5 standard deviations are 61.
    assert len(counts) == 4
    assert abs(counts - 200).max() < 61


def test_random_windows_of_several_clips_lie_in_their_parts() -> None:
    transform = SampleFrames(clip_len=1, num_clips=3)
    for seed in range(50):
        assert (sample(transform, 30, seed)[:, 0] // 10).tolist() == [0, 1, 2]


def test_random_interval_is_drawn_once_a_clip() -> None:
    transform = SampleFrames(clip_len=5, frame_interval=(1, 3), num_clips=2)
    seen = set()
    for seed in range(60):
        steps = np.diff(sample(transform, 100, seed), axis=1)
        assert (steps == steps[:, :1]).all()
        seen.add(tuple(steps[:, 0].tolist()))
    assert seen == {(a, b) for a in (1, 2, 3) for b in (1, 2, 3)}


@pytest.mark.parametrize(
    ("options", "total", "expected"),
    [
        (dict(clip_len=4, placement="center"), 12, [[1, 4, 7, 10]]),
        (dict(clip_len=4, placement="even"), 4, [[0, 1, 2, 3]]),
        (dict(clip_len=4, placement="center"), 2, [[0, 0, 1, 1]]),
        # Of several clips, each is shifted within the segments.
        (dict(clip_len=2, num_clips=3, placement="even"), 12, [[1, 7], [3, 9], [5, 11]]),
    ],
)
def test_segments(options: dict[str, Any], total: int, expected: list[list[int]]) -> None:
    assert sample(SampleSegments(**options), total).tolist() == expected


def test_random_segments_reach_every_frame_of_their_segment() -> None:
    transform = SampleSegments(clip_len=3)
    indices = np.concatenate([sample(transform, 12, seed) for seed in range(400)])
    for segment in range(3):
        counts = np.bincount(indices[:, segment] - 4 * segment, minlength=4)
        # 100 each of the 4 frames; 5 standard deviations are 43.
        assert len(counts) == 4
        assert abs(counts - 100).max() < 43


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from([SampleFrames, SampleSegments]),
    clip_len=st.integers(1, 70),
    num_clips=st.integers(1, 12),
    total_frames=st.integers(1, 300),
    interval=st.tuples(st.integers(1, 9), st.integers(0, 5)),
    placement=st.sampled_from(["random", "center", "even"]),
    short_video=st.sampled_from(["repeat_last", "loop"]),
    seed=st.integers(0, 99),
)
def test_any_length_gives_frames_that_exist_in_order(
    kind: type,
    clip_len: int,
    num_clips: int,
    total_frames: int,
    interval: tuple[int, int],
    placement: str,
    short_video: str,
    seed: int,
) -> None:
    options: dict[str, Any] = {}
    if kind is SampleFrames:
        low, spread = interval
        options = {"frame_interval": (low, low + spread), "short_video": short_video}
    transform = kind(clip_len=clip_len, num_clips=num_clips, placement=placement, **options)
    indices = sample(transform, total_frames, seed)
    assert indices.shape == (num_clips, clip_len)
    assert indices.min() >= 0
    assert indices.max() < total_frames
    if short_video == "repeat_last":
        assert (np.diff(indices, axis=1) >= 0).all()
    if kind is SampleFrames and short_video == "loop":
        span = (clip_len - 1) * sum(interval) + 1
        if span <= total_frames:
            assert (np.diff(indices, axis=1) >= interval[0]).all()


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        (SampleFrames, {"clip_len": 0}, "SampleFrames: clip_len=0; it is a whole number >= 1"),
        (SampleFrames, {"clip_len": 8.0}, "clip_len=8.0"),
        (SampleSegments, {"clip_len": 8, "num_clips": 0}, "SampleSegments: num_clips=0"),
        (SampleFrames, {"clip_len": 8, "frame_interval": 0}, "frame_interval=0"),
        (SampleFrames, {"clip_len": 8, "frame_interval": (3, 1)}, r"frame_interval=\(3, 1\)"),
        (SampleFrames, {"clip_len": 8, "frame_interval": (1.5, 3)}, "frame_interval"),
        (SampleFrames, {"clip_len": 8, "placement": "middle"}, "random, center, even"),
        (SampleFrames, {"clip_len": 8, "short_video": "pad"}, "repeat_last, loop"),
    ],
)
def test_wrong_settings_are_named(kind: type, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        kind(**options)


@pytest.mark.parametrize("clip_len", [8, 10, 16, 32])
def test_the_centre_of_a_segment_is_exact(clip_len: int) -> None:
    """In rational numbers: a float falls one frame short for T = 10 of N = 164, among others."""
    transform = SampleSegments(clip_len=clip_len, placement="center")
    for total in range(1, 300):
        centres = [Fraction(2 * t + 1, 2) * Fraction(total, clip_len) for t in range(clip_len)]
        assert sample(transform, total).tolist() == [[math.floor(c) for c in centres]], total
