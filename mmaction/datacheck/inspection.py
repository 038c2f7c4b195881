"""What is wrong with one video, looked at closely and without ever failing itself.

What is found are records, so that a data set can be gone through to its end.
"""

from __future__ import annotations

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
        if isinstance(source, ImageSource):
            return inspect_images(open_images(source, name), annotated, depth)
        return inspect_video_file(source.file(name), annotated, depth)
    except Fault as fault:
        return Inspected((fault.finding,))


def whole_digest(source: FrameSource, name: str, annotated: int = 0) -> bytes:
    """16 bytes made of all of a video's bytes, as found, not as ``annotated``; zeros where they
    can't be read.
    """
    try:
        if not isinstance(source, ImageSource):
            return content_hash(blocks(source.file(name)))
        images = open_images(source, name)
        return content_hash(images.load(number, True) for number in sorted(images.numbers))
    except (Fault, OSError):
        return NO_DIGEST
