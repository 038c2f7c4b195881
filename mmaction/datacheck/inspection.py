"""What is wrong with videos, looked at closely, in several processes, and to the set's end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import TextIO, TypeVar

from mmaction.datacheck.duplicates import Place
from mmaction.datacheck.findings import NO_DIGEST, Depth, Fault, Inspected
from mmaction.datacheck.image_inspection import Images
from mmaction.datacheck.video_inspection import VideoFile
from mmaction.dataprep.worker_pool import each
from mmaction.datasets.sources.base import FrameSource, ImageSource
from mmaction.progress import Progress

Result = TypeVar("Result")
Video = tuple[int, FrameSource, str, int]  # number, source, name, annotated frames
_CHUNK = 8  # videos handed to a process at a time


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


def on_each_video(
    work: Callable[[FrameSource, str, int], Result],
    places: Sequence[Place],
    *,
    title: str,
    jobs: int,
    stream: TextIO,
) -> list[Result | None]:
    """Results of ``work(source, name, annotated frames)`` on N videos, in their order.

    A video whose reading kills a process has no result: None.

    Args:
        work: A function that can be pickled.
        places: The videos, of lists whose source could be opened.
        title: Of the progress.
        jobs: Processes.
        stream: Where progress is shown.
    """
    videos = [(number, *place.arguments) for number, place in enumerate(places)]
    results: list[Result | None] = [None] * len(places)
    with (
        Progress(title, len(places), "videos", stream=stream) as progress,
        closing(each(partial(_do, work), videos, jobs=jobs, chunk=_CHUNK)) as outcomes,
    ):
        for (number, *_), result in outcomes:
            results[number] = result
            progress.advance()
    return results


def _do(work: Callable[[FrameSource, str, int], Result], video: Video) -> Result:
    _, source, name, frames = video
    return work(source, name, frames)
