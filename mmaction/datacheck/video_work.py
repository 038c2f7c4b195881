"""The same work on many videos of a list, in several processes, results in order."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache, partial
from typing import NamedTuple, TextIO, TypeVar

from mmaction.datacheck.lists import VideoList
from mmaction.dataprep.worker_pool import each
from mmaction.datasets.sources.base import FrameSource
from mmaction.progress import Progress

Result = TypeVar("Result")

# Videos handed to a process at a time.
_CHUNK = 8


class _Video(NamedTuple):
    position: int  # in its list
    name: str
    frames: int


def on_each_video(
    work: Callable[[FrameSource, str, int], Result],
    videos: VideoList,
    positions: Sequence[int],
    *,
    title: str,
    jobs: int,
    stream: TextIO,
) -> Iterator[tuple[int, Result | None]]:
    """Results of ``work(source, name, annotated frames)``, in the order of ``positions``.

    A video whose reading kills a process has no result: None. Closing the iterator ends the
    processes at once.

    Args:
        work: A function that can be pickled.
        videos: A list whose source could be opened.
        positions: Of the videos in it.
        title: Of the progress.
        jobs: Processes.
        stream: Where progress is shown.
    """
    assert videos.annotations is not None, "only such a list has a source"
    names, frames = videos.annotations.name, videos.annotations.frames
    chunks = [
        tuple(_Video(p, names(p), int(frames[p])) for p in positions[first : first + _CHUNK])
        for first in range(0, len(positions), _CHUNK)
    ]
    do = partial(_do, work, pickle.dumps(videos.source))
    ready: dict[int, Sequence[Result | None]] = {}
    next_position = 0
    with (
        Progress(title, len(positions), "videos", stream=stream) as progress,
        closing(each(do, chunks, jobs=jobs)) as results,
    ):
        for chunk, result in results:
            ready[chunk[0].position] = _one_by_one(do, chunk) if result is None else result
            for _ in chunk:
                progress.advance()
            while next_position < len(chunks) and chunks[next_position][0].position in ready:
                in_order = chunks[next_position]
                answers = ready.pop(in_order[0].position)
                yield from zip((v.position for v in in_order), answers, strict=True)
                next_position += 1


def _one_by_one(
    do: Callable[[Sequence[_Video]], Sequence[Result]], chunk: Sequence[_Video]
) -> list[Result | None]:
    """What can be done of a chunk, one of whose videos kills the process."""
    done: dict[int, Result] = {}
    for (video,), result in each(do, [(video,) for video in chunk], jobs=1):
        if result is not None:
            done[video.position] = result[0]
    return [done.get(video.position) for video in chunk]


def _do(
    work: Callable[[FrameSource, str, int], Result], source: bytes, chunk: Sequence[_Video]
) -> list[Result]:
    opened = _opened(source)
    return [work(opened, video.name, video.frames) for video in chunk]


@lru_cache(maxsize=1)
def _opened(source: bytes) -> FrameSource:
    """Unpickled once a process, not once a chunk: a source may have an index to read."""
    return pickle.loads(source)
