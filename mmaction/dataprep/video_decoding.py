"""Every frame of a video file in order, with the time at which it is seen."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mmaction.datasets.sources.video import open_video
from mmaction.errors import DataError

# How much of the length that the container states may be missing before a file counts as cut
# short: the last frame's duration is often a guess.
_MISSING_SEC, _MISSING_SHARE = 0.5, 0.1
# Times come as multiples of a time base, and 1/3 s is none of 1/1000 s.
_TIME_TOLERANCE_SEC = 2e-3
_DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class TimedFrame:
    """A decoded frame and the time from ``start_sec`` on for which it is seen."""

    frame: VideoFrame
    start_sec: float
    duration_sec: float


def timed_frames(path: str | os.PathLike[str]) -> Iterator[TimedFrame]:
    """The frames of a video file's best video stream, every decoded one once.

    Raises:
        DataError: It can't be read, is damaged from here on, or ends long before its time.
    """
    with open_video(path) as (container, stream):
        usual_sec = float(1 / (stream.average_rate or Fraction(_DEFAULT_FPS)))
        start_sec, end_sec = -math.inf, 0.0
        for frame in container.decode(stream):
            # Time never runs backwards, whatever a damaged file says.
            start_sec = max(end_sec if frame.time is None else frame.time, start_sec)
            duration_sec = float((frame.duration or 0) * (frame.time_base or 0)) or usual_sec
            end_sec = start_sec + duration_sec
            yield TimedFrame(frame, start_sec, duration_sec)
        if start_sec == -math.inf:
            raise DataError(f"video '{path}' has no frames")
        stated_sec = _stated_end_sec(container, stream)
        if stated_sec - end_sec > max(_MISSING_SEC, _MISSING_SHARE * stated_sec):
            raise DataError(
                f"video '{path}' is truncated: it ends at {end_sec:.1f} s of {stated_sec:.1f} s"
            )


def _stated_end_sec(container: InputContainer, stream: VideoStream) -> float:
    """When the video ends by its container's own account, 0 where it gives none."""
    if stream.duration and stream.time_base:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    # Matroska and WebM: the length of the whole file, which may be that of the sound.
    if container.duration and len(container.streams) == 1:
        return ((container.start_time or 0) + container.duration) / av.time_base
    return 0.0


def resample(frames: Iterable[TimedFrame], fps: float) -> Iterator[TimedFrame]:
    """Frames by time: at k / fps after the first frame's start, the frame that is seen then.

    Args:
        frames: In order of time.
        fps: Frames a second, > 0.

    Yields:
        At least one of the frames; some may never come, others several times, one after the other.
    """
    first_sec, taken = None, 0
    for frame, following in pairwise(chain(frames, [None])):
        assert frame is not None
        first_sec = frame.start_sec if first_sec is None else first_sec
        until_sec = following.start_sec if following else frame.start_sec + frame.duration_sec
        # How many of the times k / fps lie before that.
        due = math.ceil((until_sec - first_sec - _TIME_TOLERANCE_SEC) * fps)
        if following is None:
            due = max(due, 1)
        for _ in range(due - taken):
            yield frame
        taken = max(due, taken)
