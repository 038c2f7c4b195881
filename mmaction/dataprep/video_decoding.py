"""Every frame of a video file in order, as it is meant to be seen."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

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


class VideoFrames:
    """The frames of a video file's best video stream, every decoded one once.

    Iterating decodes with one thread. It ends where the file is damaged, and ``damage`` says so.

    Attributes:
        damage: After iterating, what is wrong with the rest of the file; None: nothing.

    Raises:
        DataError: While iterating, before any frame: nothing can be read; the message is the
            cause without the path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self.damage: str | None = None

    def __iter__(self) -> Iterator[TimedFrame]:
        self.damage = None
        with _open(self._path) as container:
            stream = _video_stream(container)
            last = None
            try:
                for last in _timed(container, stream):
                    yield last
            except (av.FFmpegError, OSError) as error:
                self.damage = cause(error)
            if last is None:
                raise DataError(f"no frame can be decoded: {self.damage or 'there is none'}")
            self.damage = self.damage or _cut_short(container, stream, last)


def cause(error: Exception) -> str:
    """What an error of PyAV's says, without the path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _open(path: str) -> InputContainer:
    try:
        if os.path.getsize(path) == 0:
            raise DataError("empty (zero bytes)")
        # What a Kinetics title or a tag is encoded in must not stop anything.
        return av.open(path, metadata_errors="replace")
    except av.InvalidDataError:
        raise DataError("no video file, or truncated: its header can't be read") from None
    except (av.FFmpegError, OSError) as error:
        raise DataError(cause(error)) from None


def _video_stream(container: InputContainer) -> VideoStream:
    stream = container.streams.best("video")
    if not len(container.streams):
        raise DataError("no video file, or truncated: it has no stream")
    if stream is None:
        raise DataError("no video stream")
    assert isinstance(stream, VideoStream)
    if stream.codec_context is None:
        raise DataError("no decoder for its video stream")
    stream.codec_context.thread_count = 1
    return stream


def _timed(container: InputContainer, stream: VideoStream) -> Iterator[TimedFrame]:
    usual_sec = float(1 / (stream.average_rate or Fraction(_DEFAULT_FPS)))
    end_sec = 0.0
    start_sec = None
    for frame in container.decode(stream):
        time_sec = end_sec if frame.time is None else frame.time
        # Time never runs backwards, whatever a damaged file says.
        start_sec = time_sec if start_sec is None else max(time_sec, start_sec)
        duration_sec = float((frame.duration or 0) * (frame.time_base or 0)) or usual_sec
        end_sec = start_sec + duration_sec
        yield TimedFrame(frame, start_sec, duration_sec)


def _cut_short(container: InputContainer, stream: VideoStream, last: TimedFrame) -> str | None:
    stated_sec = _stated_end_sec(container, stream)
    end_sec = last.start_sec + last.duration_sec
    if stated_sec - end_sec > max(_MISSING_SEC, _MISSING_SHARE * stated_sec):
        return f"truncated: ends at {end_sec:.1f} s of {stated_sec:.1f} s"
    return None


def _stated_end_sec(container: InputContainer, stream: VideoStream) -> float:
    """When the video ends by its container's own account, 0 where it gives none."""
    if stream.duration and stream.time_base:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    # Matroska and WebM: the length of the whole file, which may be that of the sound.
    if container.duration and len(container.streams) == 1:
        return ((container.start_time or 0) + container.duration) / av.time_base
    return 0.0


def resample(frames: Iterable[TimedFrame], fps: float) -> Iterator[tuple[TimedFrame, int]]:
    """Frames by time: at k / fps after the first frame's start, the frame that is seen then.

    Args:
        frames: In order of time.
        fps: Frames a second, > 0.

    Yields:
        A frame and how often it is taken, >= 1; frames that are never taken are left out. The
        first frame is taken at least once.
    """
    held: TimedFrame | None = None
    start_sec, taken = 0.0, 0

    def due(until_sec: float) -> int:
        """How many of the times k / fps lie before ``until_sec``."""
        return math.ceil((until_sec - start_sec - _TIME_TOLERANCE_SEC) * fps)

    for frame in frames:
        if held is None:
            start_sec = frame.start_sec
        elif (count := due(frame.start_sec) - taken) > 0:
            yield held, count
            taken += count
        held = frame
    if held is not None:
        end_sec = held.start_sec + held.duration_sec
        if (count := max(due(end_sec), 1) - taken) > 0:
            yield held, count


def fitted_size(
    width: int, height: int, short_side: int | None, *, enlarge: bool
) -> tuple[int, int]:
    """Width and height with the shorter one ``short_side``, the proportions kept.

    Args:
        width: In pixels.
        height: In pixels.
        short_side: In pixels; None: as it is.
        enlarge: Whether a smaller picture becomes larger, or stays.
    """
    short = min(width, height)
    if short_side is None or short == short_side or (short < short_side and not enlarge):
        return width, height
    scale = Fraction(short_side, short)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image H×W×3 at another width and height; averages over areas to make it smaller."""
    if image.shape[1::-1] == size:
        return image
    smaller = size[0] < image.shape[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
