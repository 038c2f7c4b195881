"""What is wrong with one video, looked at closely and without ever failing itself.

What is found are records, so that a data set can be gone through to its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmaction.datacheck.findings import NO_DIGEST, Depth, Fault, Inspected, content_hash
from mmaction.datacheck.image_inspection import inspect_images, open_images
from mmaction.datacheck.video_inspection import blocks, inspect_video_file
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
        return source.inspect(name, _Faults(annotated, depth))
    except Fault as fault:
        return Inspected((fault.finding,))


def whole_digest(source: FrameSource, name: str, annotated: int = 0) -> bytes:
    """16 bytes made of all of a video's bytes, as found, not as ``annotated``; zeros where they
    can't be read.
    """
    try:
        return source.inspect(name, _WholeDigest())
    except (Fault, OSError):
        return NO_DIGEST


@dataclass(frozen=True)
class _Faults:
    annotated: int
    depth: Depth

    def images(self, source: ImageSource, name: str) -> Inspected:
        return inspect_images(open_images(source, name), self.annotated, self.depth)

    def video_file(self, path: str) -> Inspected:
        return inspect_video_file(path, self.annotated, self.depth)


class _WholeDigest:
    def images(self, source: ImageSource, name: str) -> bytes:
        images = open_images(source, name)
        return content_hash(images.load(number, True) for number in sorted(images.numbers))

    def video_file(self, path: str) -> bytes:
        return content_hash(blocks(path))
