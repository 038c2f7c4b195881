"""What is wrong with a video, looked at closely, whatever its source is."""

from __future__ import annotations

from mmaction.datacheck.findings import NO_DIGEST, Depth, Fault, Inspected
from mmaction.datacheck.image_inspection import Images
from mmaction.datacheck.video_inspection import VideoFile
from mmaction.datasets.sources.base import FrameSource, ImageSource


def inspect_video(source: FrameSource, name: str, annotated: int, *, depth: Depth) -> Inspected:
    """Look at one video.

    Args:
        source: Where its frames come from.
        name: As its annotation writes it.
        annotated: How many frames the annotation says it has, >= 1.
        depth: How closely.
    """
    try:
        return source.inspect(name, _Opening()).inspect(annotated, depth)
    except Fault as fault:
        return Inspected((fault.finding,))


def whole_digest(source: FrameSource, name: str, annotated: int = 0) -> bytes:
    """16 bytes made of all of a video's bytes; none where they can't be read.

    Args:
        source: Where its frames come from.
        name: As its annotation writes it.
        annotated: No matter: of the frames that there are, all are read.
    """
    try:
        return source.inspect(name, _Opening()).whole_digest()
    except (Fault, OSError):
        return NO_DIGEST


class _Opening:
    def images(self, source: ImageSource, name: str) -> Images | VideoFile:
        return Images(source, name)

    def video_file(self, path: str) -> Images | VideoFile:
        return VideoFile(path)
