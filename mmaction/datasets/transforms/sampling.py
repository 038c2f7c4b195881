"""Which frames of a video make its clips.

Positions are 0-based; the number in a frame's file name is position + start index. V clips of T
frames are int64, V×T. Every video of at least one frame gives clips of any length.
"""

from __future__ import annotations

import numpy as np

from mmaction.datasets.transforms.pipeline import Results, Transform
from mmaction.errors import ConfigError
from mmaction.registry import TRANSFORMS

PLACEMENTS = ("random", "center", "even")
SHORT_VIDEO = ("repeat_last", "loop")


def window_starts(latest: np.ndarray, *, placement: str, rng: np.random.Generator) -> np.ndarray:
    """Place V windows over their possible starts.

    The starts 0..latest are cut in V equal parts, and window i lies in part i: anywhere in it
    ('random') or at its centre ('center'). 'even' spreads the windows from the first to the
    last start instead, which for one window is the centre.

    Args:
        latest: int64, V: the last possible start of each window, >= 0.
        placement: 'random', 'center' or 'even'.
        rng: Used for 'random' only.

    Returns:
        int64, V, each in ``[0, latest]``.
    """
    count = len(latest)
    if placement == "even" and count > 1:
        return np.rint(np.arange(count) / (count - 1) * latest).astype(np.int64)
    if placement == "random":
        within = (np.arange(count) + rng.random(count)) / count
        return np.minimum((within * (latest + 1)).astype(np.int64), latest)
    return ((np.arange(count) + 0.5) / count * latest).astype(np.int64)


def dense_windows(
    starts: np.ndarray,
    *,
    clip_len: int,
    intervals: np.ndarray,
    total_frames: int,
    short_video: str = "repeat_last",
) -> np.ndarray:
    """Frames ``start, start + interval, …`` of each window.

    Args:
        starts: int64, V.
        clip_len: T.
        intervals: int64, V: step between frames, >= 1.
        total_frames: Frames of the video, >= 1.
        short_video: What stands for frames beyond the end: the last one ('repeat_last') or the
            video from its beginning ('loop').

    Returns:
        int64, V×T, each in ``[0, total_frames)``.
    """
    indices = starts[:, None] + intervals[:, None] * np.arange(clip_len, dtype=np.int64)
    if short_video == "loop":
        return indices % total_frames
    return np.minimum(indices, total_frames - 1)


def segment_frames(
    *,
    clip_len: int,
    total_frames: int,
    num_clips: int,
    random: bool,
    rng: np.random.Generator,
) -> np.ndarray:
    """One frame of each of T equal segments of the video, for each of V clips.

    Every segment is cut in V equal parts, and clip i takes its frame from part i: any
    (``random``) or the one at its centre. Segments may be narrower than a frame, so that short
    videos repeat frames, in order.

    Args:
        clip_len: T.
        total_frames: Frames of the video, >= 1.
        num_clips: V.
        random: Any frame of a part, or the one at its centre.
        rng: Used for ``random`` only.

    Returns:
        int64, V×T, not decreasing along T, each in ``[0, total_frames)``.
    """
    parts = np.arange(num_clips)[:, None] + num_clips * np.arange(clip_len)  # of the video, V×T
    if not random:
        # (part + 1/2) · N / (V·T), rounded down: in whole numbers, exactly.
        return (2 * parts + 1) * total_frames // (2 * num_clips * clip_len)
    places = (parts + rng.random(parts.shape)) * (total_frames / (num_clips * clip_len))
    return np.minimum(places.astype(np.int64), total_frames - 1)


@TRANSFORMS.register_module()
class SampleFrames(Transform):
    """Dense windows: T frames, ``frame_interval`` apart.

    Args:
        clip_len: T, frames of a clip.
        frame_interval: Step between frames, or ``(low, high)``: drawn for every clip from
            low..high when placement is 'random', the middle of the two otherwise.
        num_clips: V, clips of a video.
        placement: 'random' (training), 'center' (validation) or 'even' (testing).
        short_video: 'repeat_last' or 'loop': what fills a window longer than the video.
    """

    gives = ("frame_indices",)

    def __init__(
        self,
        *,
        clip_len: int,
        frame_interval: int | tuple[int, int] = 1,
        num_clips: int = 1,
        placement: str = "random",
        short_video: str = "repeat_last",
    ) -> None:
        interval = (frame_interval,) * 2 if isinstance(frame_interval, int) else frame_interval
        whole = all(isinstance(step, int) for step in interval)
        if not whole or len(interval) != 2 or not 1 <= interval[0] <= interval[1]:
            raise ConfigError(
                f"SampleFrames: frame_interval={frame_interval!r}; it is a number >= 1"
                " or (low, high) with 1 <= low <= high"
            )
        _check_counts("SampleFrames", clip_len, num_clips)
        _check_choice("SampleFrames", "placement", placement, PLACEMENTS)
        _check_choice("SampleFrames", "short_video", short_video, SHORT_VIDEO)
        self.clip_len = clip_len
        self.low, self.high = interval
        self.num_clips = num_clips
        self.placement = placement
        self.short_video = short_video

    def __call__(self, results: Results) -> Results:
        total_frames, rng = results["total_frames"], results["rng"]
        if self.placement == "random":
            intervals = rng.integers(self.low, self.high, size=self.num_clips, endpoint=True)
        else:
            intervals = np.full(self.num_clips, (self.low + self.high) // 2, dtype=np.int64)
        latest = np.maximum(total_frames - 1 - (self.clip_len - 1) * intervals, 0)
        results["frame_indices"] = dense_windows(
            window_starts(latest, placement=self.placement, rng=rng),
            clip_len=self.clip_len,
            intervals=intervals,
            total_frames=total_frames,
            short_video=self.short_video,
        )
        return results


@TRANSFORMS.register_module()
class SampleSegments(Transform):
    """Uniform segments: the video is cut in T equal segments, each gives one frame.

    Args:
        clip_len: T, segments and frames of a clip.
        num_clips: V, clips of a video; their frames are evenly shifted inside the segments.
        placement: 'random' takes any frame of a segment, 'center' and 'even' the centre one.
    """

    gives = ("frame_indices",)

    def __init__(self, *, clip_len: int, num_clips: int = 1, placement: str = "random") -> None:
        _check_counts("SampleSegments", clip_len, num_clips)
        _check_choice("SampleSegments", "placement", placement, PLACEMENTS)
        self.clip_len = clip_len
        self.num_clips = num_clips
        self.placement = placement

    def __call__(self, results: Results) -> Results:
        results["frame_indices"] = segment_frames(
            clip_len=self.clip_len,
            total_frames=results["total_frames"],
            num_clips=self.num_clips,
            random=self.placement == "random",
            rng=results["rng"],
        )
        return results


def _check_counts(name: str, clip_len: int, num_clips: int) -> None:
    for key, value in (("clip_len", clip_len), ("num_clips", num_clips)):
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name}: {key}={value!r}; it is a whole number >= 1")


def _check_choice(name: str, key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name}: {key}={value!r}; it is one of {', '.join(choices)}")
