"""What is wrong with a video file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import av

from mmaction.datacheck.findings import (
    ERROR,
    NO_DIGEST,
    WARNING,
    Depth,
    Fault,
    Finding,
    Inspected,
    content_hash,
    frame_count,
    require_file,
    several_sizes,
)
from mmaction.datasets.sources.video import count_frames
from mmaction.errors import DataError

_HASHED_PART = 1 << 16  # bytes of a video file that its quick digest reads, thrice
_BLOCK = 1 << 20


def inspect_video_file(path: str, annotated: int, depth: Depth) -> Inspected:
    require_file(path, missing="missing-video")
    if depth == Depth.NAMES:
        return Inspected(())
    findings = []
    try:
        count = count_frames(path)
    except DataError as error:
        raise Fault("undecodable", path, str(error)) from None
    if annotated and count != annotated:
        kind, severity = ("too-few-frames", ERROR)
        if count > annotated:
            kind, severity = ("more-frames", WARNING)
        text = f"annotated with {frame_count(annotated)}, but the file has {count}"
        findings.append(Finding(kind, severity, path, text))
    if depth == Depth.PIXELS:
        findings += _decode_video(path, count)
    return Inspected(tuple(findings), _quick_file_digest(path))


def _decode_video(path: str, count: int) -> Iterator[Finding]:
    """Decode a whole video file, damage in it being an error where the decoder sees it."""
    sizes: Counter[tuple[int, int]] = Counter()
    reason = ""
    try:
        with av.open(path, metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"err_detect": "explode"}
            for frame in container.decode(stream):
                sizes[frame.width, frame.height] += 1
    except (av.FFmpegError, OSError) as error:
        reason = f": {error.strerror or error}"
    decoded = sum(sizes.values())
    if reason or decoded < count:
        text = f"{decoded} of {frame_count(count)} can be decoded without a fault{reason}"
        yield Finding("undecodable", ERROR, path, text)
    if len(sizes) > 1:
        yield Finding("size-change", ERROR, path, several_sizes(sizes.most_common()))


def _quick_file_digest(path: str) -> bytes:
    """Of a file's size and of its beginning, middle and end."""
    try:
        size = os.path.getsize(path)
        parts = [str(size).encode()]
        with open(path, "rb") as file:
            for start in (0, size // 2, max(0, size - _HASHED_PART)):
                file.seek(start)
                parts.append(file.read(_HASHED_PART))
    except OSError:
        return NO_DIGEST
    return content_hash(parts)


def blocks(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            yield block
