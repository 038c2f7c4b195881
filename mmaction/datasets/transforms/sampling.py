"""Which frames of a video make its clips.

Positions are 0-based; the number in a frame's file name is position + start index. V clips of T
frames are int64, V×T. Every video of at least one frame gives clips of any length.
"""

from __future__ import annotations

import numpy as np

from mmaction.datasets.transforms.pipeline import Results, Transform, number_range
from mmaction.errors import ConfigError
from mmaction.registry import TRANSFORMS

PLACEMENTS = ("random", "center", "even")
SHORT_VIDEO = ("repeat_last", "loop")


@TRANSFORMS.register_module()
class SampleFrames(Transform):
    """Dense windows: T frames, ``frame_interval`` apart.

    The possible starts of a window are cut in V equal parts, and window i lies in part i: anywhere
    in it ('random') or at its centre ('center'). 'even' spreads the windows from the first to the
    last start instead, which for one window is the centre.

    Args:
        clip_len: T, frames of a clip.
        frame_interval: Step between frames, or ``(low, high)``: drawn for every clip from
            low..high when placement is 'random', the middle of the two otherwise.
        num_clips: V, clips of a video.
        placement: 'random' (training), 'center' (validation) or 'even' (testing).
        temporal_jitter: With 'random', move each frame by a number of its own, drawn from
            0..step - 1, as MMAction does.
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
        temporal_jitter: bool = False,
        short_video: str = "repeat_last",
    ) -> None:
        _check_counts("SampleFrames", clip_len, num_clips)
        _check_choice("SampleFrames", "placement", placement, PLACEMENTS)
        _check_choice("SampleFrames", "short_video", short_video, SHORT_VIDEO)
        self.clip_len = clip_len
        self.low, self.high = number_range("SampleFrames", "frame_interval", frame_interval)
        self.num_clips = num_clips
        self.placement = placement
        self.temporal_jitter = temporal_jitter
        self.short_video = short_video

    def __call__(self, results: Results) -> Results:
        total_frames, rng = results["total_frames"], results["rng"]
        if self.placement == "random":
            intervals = rng.integers(self.low, self.high, size=self.num_clips, endpoint=True)
        else:
            intervals = np.full(self.num_clips, (self.low + self.high) // 2, dtype=np.int64)
        latest = np.maximum(total_frames - 1 - (self.clip_len - 1) * intervals, 0)
        starts = self._starts(latest, rng)
        indices = starts[:, None] + intervals[:, None] * np.arange(self.clip_len)
        if self.temporal_jitter and self.placement == "random":
            indices += rng.integers(intervals[:, None], size=indices.shape)
        if self.short_video == "loop":
            results["frame_indices"] = indices % total_frames
        else:
            results["frame_indices"] = np.minimum(indices, total_frames - 1)
        return results

    def _starts(self, latest: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Where each of V windows starts, whose last possible starts are ``latest``; int64, V."""
        parts = np.arange(self.num_clips)
        if self.placement == "even" and self.num_clips > 1:
            return np.rint(parts / (self.num_clips - 1) * latest).astype(np.int64)
        if self.placement == "random":
            places = (parts + rng.random(self.num_clips)) / self.num_clips
            return np.minimum((places * (latest + 1)).astype(np.int64), latest)
        return ((parts + 0.5) / self.num_clips * latest).astype(np.int64)


@TRANSFORMS.register_module()
class SampleSegments(Transform):
    """Uniform segments: the video is cut in T equal segments, each gives one frame.

    Every segment is cut in V equal parts, and clip i takes its frame from part i. Segments may be
    narrower than a frame, so that short videos repeat frames, in order.

    Args:
        clip_len: T, segments and frames of a clip.
        num_clips: V, clips of a video.
        placement: 'random' takes any frame of a part, 'center' and 'even' the centre one.
    """

    gives = ("frame_indices",)

    def __init__(self, *, clip_len: int, num_clips: int = 1, placement: str = "random") -> None:
        _check_counts("SampleSegments", clip_len, num_clips)
        _check_choice("SampleSegments", "placement", placement, PLACEMENTS)
        self.clip_len = clip_len
        self.num_clips = num_clips
        self.placement = placement

    def __call__(self, results: Results) -> Results:
        clips, length, total = self.num_clips, self.clip_len, results["total_frames"]
        parts = np.arange(clips)[:, None] + clips * np.arange(length)  # of the video, V×T
        if self.placement == "random":
            places = (parts + results["rng"].random(parts.shape)) * (total / (clips * length))
            results["frame_indices"] = np.minimum(places.astype(np.int64), total - 1)
        else:
            # (part + 1/2) · N / (V·T), rounded down: in whole numbers, exactly.
            results["frame_indices"] = (2 * parts + 1) * total // (2 * clips * length)
        return results


def _check_counts(name: str, clip_len: int, num_clips: int) -> None:
    for key, value in (("clip_len", clip_len), ("num_clips", num_clips)):
        if not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name}: {key}={value!r}; it is a whole number >= 1")


def _check_choice(name: str, key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name}: {key}={value!r}; it is one of {', '.join(choices)}")
