"""Parts of a long video, each of whose frames is decoded once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from mmaction.datasets.transforms.pipeline import Pipeline
from mmaction.errors import ConfigError, DataError
from mmaction.inference.sources import FrameList, Video, unlabelled

_ROUNDING = 1e-6  # seconds


class Window(FrameList):
    """A part of a video, and those of its frames that its clips are made of, as they come by.

    Attributes:
        first: Position of its first frame in the video, from 0.
        length: How many frames it has.
        item: What the pipeline's transforms have made of it so far.
        needed: Positions in the video of the frames that are yet to come.
    """

    def __init__(self, video: Video, first: int, length: int, sampler: Any) -> None:
        self.kept: dict[int, np.ndarray] = {}
        super().__init__(self.kept)
        self.video, self.first, self.length = video, first, length
        self.start_index = video.source.start_index
        self.item: dict[str, Any] = sampler(unlabelled(video, self, length))
        self.needed = {int(i) + first for i in np.unique(self.item["frame_indices"])}

    def path(self, name: str, position: int) -> str:
        return self.video.source.path(name, position + self.first)


def windows_of(
    video: Video, pipeline: Pipeline, *, window_sec: float, stride_sec: float
) -> Iterator[Window]:
    """Cuts a video into parts and makes each one's clips.

    No frame is decoded twice, and those alone are held that parts not yet made need.

    Args:
        video: An opened one.
        pipeline: The transforms; the first of them samples frames.
        window_sec: How long a part is.
        stride_sec: From the beginning of a part to that of the next.

    Raises:
        ConfigError: See ``check_lengths``.
        DataError: It isn't known when frames are shown, or one can't be read or has another size.
    """
    spans = spans_of(video, window_sec=window_sec, stride_sec=stride_sec)
    sampler, rest = pipeline.transforms[0], pipeline.transforms[1:]
    waiting = deque(Window(video, *span, sampler) for span in spans)
    positions = sorted(set[int]().union(*(each.needed for each in waiting)))
    frames = video.source.stream(video.source_name, positions)
    for position, frame in zip(positions, frames, strict=True):
        for each in waiting:
            if each.first > position:
                break
            if position in each.needed:
                each.kept[position - each.first] = frame
                each.needed.discard(position)
        while waiting and not waiting[0].needed:
            window = waiting.popleft()
            for transform in rest:
                window.item = transform(window.item)
            yield window


def check_lengths(**seconds: float) -> None:
    """Refuses lengths of time, by their names, that aren't positive and finite.

    Raises:
        ConfigError: Names the first such.
    """
    for name, value in seconds.items():
        if not 0 < value < math.inf:
            raise ConfigError(f"{name}={value!r}: expected more than 0, and finite")


def spans_of(video: Video, *, window_sec: float, stride_sec: float) -> list[tuple[int, int]]:
    """A video's parts by their first frames and numbers of frames; the last ends with the video.

    Args:
        video: Its frames need not come at a constant rate.
        window_sec: How long a part is.
        stride_sec: From the beginning of a part to that of the next. While no frame begins, none
            does.

    Raises:
        ConfigError: See ``check_lengths``.
        DataError: It isn't known when its frames are shown.
    """
    check_lengths(window_sec=window_sec, stride_sec=stride_sec)
    if video.times is None:
        raise DataError(f"video '{video.name}' doesn't say how many frames a second has: give fps")
    frames, end = video.times[:-1], video.times[-1]
    lasting = np.diff(video.times)
    # A frame is in a part if it begins there, give or take half of it: times are rounded.
    half = float(np.median(lasting)) / 2
    stride_sec = max(stride_sec, float(lasting.min()))
    last = max(end - window_sec, frames[0])
    numbers = np.unique((frames - frames[0] + half) // stride_sec)
    begins = frames[0] + numbers * stride_sec
    begins = np.append(begins[begins < last - half], last) - half - _ROUNDING
    first = np.minimum(np.searchsorted(frames, begins), len(frames) - 1)
    stop = np.maximum(np.searchsorted(frames, begins + window_sec), first + 1)
    stop[-1] = len(frames)
    return list(dict.fromkeys(zip(first.tolist(), (stop - first).tolist(), strict=True)))
