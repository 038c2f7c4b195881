"""What is wrong with videos, looked at closely, in several processes, and to the set's end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import TextIO, TypeVar

from mmaction.datacheck.findings import NO_DIGEST, Depth, Fault, Inspected
from mmaction.datacheck.image_inspection import Images
from mmaction.datacheck.lists import VideoList
from mmaction.datacheck.video_inspection import VideoFile
from mmaction.dataprep.worker_pool import each
from mmaction.datasets.sources.base import FrameSource, ImageSource
from mmaction.progress import Progress

Result = TypeVar("Result")
Video = tuple[int, str, int]  # position in its list, name, annotated frames
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
    videos: VideoList,
    positions: Sequence[int],
    *,
    title: str,
    jobs: int,
    stream: TextIO,
) -> dict[int, Result | None]:
    """Results of ``work(source, name, annotated frames)`` by position, in their order.

    A video whose reading kills a process has no result: None.

    Args:
        work: A function that can be pickled.
        videos: A list whose source could be opened.
        positions: Of the videos in it.
        title: Of the progress.
        jobs: Processes.
        stream: Where progress is shown.
    """
    assert videos.annotations is not None, "only such a list has a source"
    assert videos.source is not None
    names, frames = videos.annotations.name, videos.annotations.frames
    wanted = [(position, names(position), int(frames[position])) for position in positions]
    chunks = [wanted[first : first + _CHUNK] for first in range(0, len(wanted), _CHUNK)]
    do = partial(_do, work, videos.source)
    results: dict[int, Result | None] = dict.fromkeys(positions)
    with (
        Progress(title, len(positions), "videos", stream=stream) as progress,
        closing(each(do, chunks, jobs=jobs)) as done,
    ):
        for chunk, of_chunk in done:
            if of_chunk is not None:
                results.update(of_chunk)
            else:  # one of them kills the process
                for _, alone in each(do, [[video] for video in chunk], jobs=1):
                    results.update(alone or {})
            for _ in chunk:
                progress.advance()
    return results


def _do(
    work: Callable[[FrameSource, str, int], Result], source: FrameSource, chunk: Sequence[Video]
) -> dict[int, Result]:
    return {position: work(source, name, frames) for position, name, frames in chunk}
