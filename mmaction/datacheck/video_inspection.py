"""What is wrong with a video file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from functools import partial

from mmaction.datacheck.findings import (
    NO_DIGEST,
    Depth,
    Fault,
    Inspected,
    content_hash,
    frame_count,
    require_file,
    several_sizes,
)
from mmaction.datacheck.problems import ERROR, WARNING, Problem
from mmaction.datasets.sources.video import count_frames, open_video
from mmaction.errors import DataError

_HASHED_PART = 1 << 16  # bytes of a video file that its quick digest reads, thrice
_BLOCK = 1 << 20


class VideoFile:
    """A video file, to be looked at."""

    def __init__(self, path: str) -> None:
        self.path = path

    def inspect(self, annotated: int, depth: Depth) -> Inspected:
        """Raises Fault where it's not to be used at all; see :func:`.inspection.inspect_video`."""
        require_file(self.path, missing="missing-video")
        if depth == Depth.NAMES:
            return Inspected(())
        findings = []
        try:
            count = count_frames(self.path)
        except DataError as error:
            raise Fault("undecodable", self.path, str(error)) from None
        if annotated and count != annotated:
            kind, severity = ("too-few-frames", ERROR)
            if count > annotated:
                kind, severity = ("more-frames", WARNING)
            text = f"annotated with {frame_count(annotated)}, but the file has {count}"
            findings.append(Problem(kind, severity, self.path, text))
        if depth == Depth.PIXELS:
            findings += self._decode(count)
        return Inspected(tuple(findings), self._quick_digest())

    def whole_digest(self) -> bytes:
        """Of all bytes; raises OSError."""
        with open(self.path, "rb") as file:
            return content_hash(iter(partial(file.read, _BLOCK), b""))

    def _decode(self, count: int) -> Iterator[Problem]:
        """Decode the whole file, damage in it being an error where the decoder sees it."""
        sizes: Counter[tuple[int, int]] = Counter()
        reason = ""
        try:
            with open_video(self.path) as (container, stream):
                stream.codec_context.options = {"err_detect": "explode"}
                for frame in container.decode(stream):
                    sizes[frame.width, frame.height] += 1
        except DataError as error:
            reason = f": {error}"
        decoded = sizes.total()
        if reason or decoded < count:
            text = f"{decoded} of {frame_count(count)} can be decoded without a fault{reason}"
            yield Problem("undecodable", ERROR, self.path, text)
        if len(sizes) > 1:
            yield Problem("size-change", ERROR, self.path, several_sizes(sizes.most_common()))

    def _quick_digest(self) -> bytes:
        """Of its size and of its beginning, middle and end."""
        try:
            size = os.path.getsize(self.path)
            parts = [str(size).encode()]
            with open(self.path, "rb") as file:
                for start in (0, size // 2, max(0, size - _HASHED_PART)):
                    file.seek(start)
                    parts.append(file.read(_HASHED_PART))
        except OSError:
            return NO_DIGEST
        return content_hash(parts)
