"""Cameras and streams, of which the newest frames alone are seen."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from mmaction.datasets.sources.video import open_video, to_rgb
from mmaction.errors import DataError

OPEN_SEC, READ_SEC = 10.0, 10.0  # that a stream may keep waiting
_A_MOMENT = 0.1


class Shot(NamedTuple):
    """A frame, and when it came, by ``time.monotonic``."""

    time: float
    pixels: np.ndarray


def is_live(source: str) -> bool:
    """Whether it is a camera's number, an address or a pipe."""
    path = Path(source)
    return "://" in source or path.is_fifo() or (source.isdigit() and not path.exists())


class LiveFrames:
    """The newest frames of a camera or stream.

    A thread reads every frame when it comes and keeps the latest: who looks seldom misses some, but
    never gets an old one.

    Args:
        source: A camera's number, an address such as ``rtsp://…``, or a pipe.
        window_sec: How far back frames are kept.
        most: How many of them, at most.
    """

    def __init__(self, source: str, *, window_sec: float, most: int) -> None:
        self.source, self.name = source, re.sub(r"//[^/@]*@", "//", source)  # without a password
        self.read = 0
        self.problem = ""
        self._window_sec, self._between_sec = window_sec, window_sec / most
        self._kept: deque[Shot] = deque()
        self._newest: Shot | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> LiveFrames:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._window_sec = -1.0  # the thread ends with the next frame

    @property
    def ended(self) -> bool:
        """Whether no more will come: the source has ended, or there is a ``problem``."""
        return not self._thread.is_alive()

    def window(self, *, after: float) -> list[Shot]:
        """The frames of the last seconds, evenly spaced, the newest at the end.

        Args:
            after: When the last one seen came.

        Returns:
            None of them, if for a moment nothing newer comes.
        """

        def newer() -> bool:
            return self._newest is not None and self._newest.time > after

        with self._changed:
            if not self._changed.wait_for(newer, timeout=_A_MOMENT):
                return []
            assert self._newest is not None
            rest = () if self._kept and self._kept[-1] is self._newest else (self._newest,)
            return [*self._kept, *rest]

    def _run(self) -> None:
        try:
            for pixels in self._frames():
                if self._window_sec < 0:
                    return
                with self._changed:
                    self._keep(Shot(time.monotonic(), pixels))
                    self._changed.notify_all()
        except DataError as e:
            self.problem = str(e).replace(self.source, self.name)

    def _keep(self, shot: Shot) -> None:
        kept = self._kept
        self.read += 1
        if self._newest is not None and self._newest.pixels.shape != shot.pixels.shape:
            kept.clear()
        self._newest = shot
        while kept and shot.time - kept[0].time > self._window_sec:
            kept.popleft()
        if not kept or shot.time - kept[-1].time >= self._between_sec:
            kept.append(shot)

    def _frames(self) -> Iterator[np.ndarray]:
        """uint8 RGB, H×W×3, as they come."""
        if self.source.isdigit():
            level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
            camera = cv2.VideoCapture(int(self.source))
            cv2.utils.logging.setLogLevel(level)  # of each driver without it OpenCV writes a page
            while (read := camera.read())[0]:
                yield np.ascontiguousarray(read[1][..., ::-1])
            if not camera.isOpened():
                raise DataError(f"camera {self.source} can't be opened")
            return
        reformatter = VideoReformatter()
        how: dict[str, Any] = dict(timeout=(OPEN_SEC, READ_SEC), options={"fflags": "nobuffer"})
        with open_video(self.source, **how) as (container, stream):
            for frame in container.decode(stream):
                yield np.ascontiguousarray(to_rgb(frame, reformatter))
