"""The videos below a root, as directories of frames or as files, and how long they are."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import PurePath
from typing import TypeVar

from mmaction.dataprep.video_files import climbs_back, find_videos
from mmaction.dataprep.worker_pool import each
from mmaction.datasets.sources.directory import FrameDirectory, find_frames
from mmaction.datasets.sources.frame_names import frame_numbers
from mmaction.datasets.sources.video import count_frames
from mmaction.errors import DataError
from mmaction.progress import Progress

Count = int | str
"""Frames of a video, at least 1, or what is wrong with it."""

_CHUNK = 64
# Directories to look at before giving up on finding out how frames are named.
_LOOKS = 20
_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
Item = TypeVar("Item")
Result = TypeVar("Result")


class MediaRoot(ABC):
    """Videos below one place.

    Attributes:
        root: The place, for messages.
        names: All videos there, relative to it, ``/`` between parts.
    """

    root: str
    names: list[str]

    @abstractmethod
    def count(self, names: Sequence[str]) -> dict[str, Count]:
        """Frames of each of these videos, or what is wrong with it."""


class FrameRoot(MediaRoot):
    """Directories of frames. All are listed, once and in several processes, when this is made.

    Args:
        root: Directory that they are in, at any depth.
        image_tmpl: Name of a frame such as ``{:05d}.jpg``; None: found out.
        jobs: Processes.

    Raises:
        DataError: No directory, or none below it holds frames.
    """

    def __init__(
        self, root: str | os.PathLike[str], *, image_tmpl: str | None = None, jobs: int = 1
    ) -> None:
        self.root = os.fspath(root)
        frames = _find_template(self.root, image_tmpl)
        children = [entry.name for entry in _directories(self.root)]
        work = partial(_count_below, frames)
        self._counts: dict[str, Count] = {}
        for counted in _in_chunks(work, children, jobs, "count frames", "directories"):
            self._counts.update(counted)
        self.names = sorted(self._counts)

    def count(self, names: Sequence[str]) -> dict[str, Count]:
        return {name: self._counts[name] for name in names}


class FileRoot(MediaRoot):
    """Video files, suffix included in the names. Counting reads a file, but does not decode it.

    Args:
        root: Directory that they are in, at any depth.
        jobs: Processes.

    Raises:
        DataError: No directory, or no videos in it.
    """

    def __init__(self, root: str | os.PathLike[str], *, jobs: int = 1) -> None:
        self.root = os.fspath(root)
        if not os.path.isdir(self.root):
            raise DataError(f"'{self.root}' is not a directory")
        self.names = [video.name for video in find_videos(self.root)]
        self._jobs = jobs

    def count(self, names: Sequence[str]) -> dict[str, Count]:
        work = partial(_count_files, self.root)
        counts: dict[str, Count] = {}
        for counted in _in_chunks(work, names, self._jobs, "count frames", "videos"):
            counts.update(counted)
        return counts


class KnownFrames(MediaRoot):
    """Videos whose frames someone has counted already.

    Args:
        frames: Frames by name.
        root: Where the numbers are from.
    """

    def __init__(self, frames: dict[str, int], *, root: str) -> None:
        self.root = root
        self.names = list(frames)
        self._frames = frames

    def count(self, names: Sequence[str]) -> dict[str, Count]:
        return {name: self._frames[name] for name in names}


def open_media(
    root: str,
    splits: Sequence[str],
    *,
    files: bool,
    image_tmpl: str | None = None,
    jobs: int = 1,
    all_needed: bool = True,
) -> dict[str, MediaRoot]:
    """Where each split's videos are.

    Args:
        root: Directory; ``{split}`` in it stands for the split's name.
        splits: The splits.
        files: Whether the videos are files, or directories of frames.
        image_tmpl: Of frames; None: found out.
        jobs: Processes.
        all_needed: Whether splits may not be left out whose own directory is not there.

    Raises:
        DataError: A directory is missing or holds no videos.
    """
    roots = {split: root.replace("{split}", split) for split in splits}
    if not all_needed and "{split}" in root:
        roots = {split: path for split, path in roots.items() if os.path.isdir(path)} or roots
    opened: dict[str, MediaRoot] = {}
    for path in roots.values():
        if path not in opened:
            opened[path] = (
                FileRoot(path, jobs=jobs)
                if files
                else FrameRoot(path, image_tmpl=image_tmpl, jobs=jobs)
            )
    return {split: opened[path] for split, path in roots.items()}


def _in_chunks(
    work: Callable[[Sequence[str]], Result],
    names: Sequence[str],
    jobs: int,
    title: str,
    unit: str,
) -> Iterator[Result]:
    """``work`` of some names at a time, in several processes."""
    chunks = [tuple(names[i : i + _CHUNK]) for i in range(0, len(names), _CHUNK)]
    with (
        Progress(title, len(names), unit, stream=sys.stderr) as progress,
        closing(each(work, chunks, jobs=jobs)) as outcomes,
    ):
        for chunk, result in outcomes:
            if result is None:
                raise DataError(
                    f"counting the frames of '{chunk[0]}' or one of the {len(chunk) - 1} after it"
                    " ended the process; is there too little memory?"
                )
            yield result
            for _ in chunk:
                progress.advance()


def _directories(path: str) -> list[os.DirEntry[str]]:
    """The directories in a directory that are not hidden, by name."""
    try:
        with os.scandir(path) as entries:
            found = [e for e in entries if not e.name.startswith(".") and e.is_dir()]
    except OSError as error:
        raise DataError(f"'{path}' can't be read: {error.strerror}") from None
    return sorted(found, key=lambda entry: entry.name)


def _find_template(root: str, image_tmpl: str | None) -> FrameDirectory:
    """How the frames below ``root`` are named, by the first directory that tells."""
    if not os.path.isdir(root):
        raise DataError(f"'{root}' is not a directory")
    problem: DataError | None = None
    for looks, name in enumerate(_with_images(root, "")):
        try:
            return find_frames(root, name, image_tmpl=image_tmpl)
        except DataError as error:
            problem = problem or error
        if looks == _LOOKS:
            break
    raise problem or DataError(f"no directory below '{root}' holds images")


def _with_images(root: str, name: str) -> Iterator[str]:
    """Names of the directories that have images, depth first."""
    for entry in _directories(os.path.join(root, name)):
        if climbs_back(entry.path):
            continue
        below = PurePath(name, entry.name).as_posix()
        if any(file.lower().endswith(_IMAGE_SUFFIXES) for file in os.listdir(entry.path)):
            yield below
        yield from _with_images(root, below)


def _count_below(frames: FrameDirectory, names: Sequence[str]) -> dict[str, Count]:
    """Counts of the directories with frames among ``names`` and below them."""
    counts: dict[str, Count] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        path = os.path.join(frames.data_root, name)
        if climbs_back(path):
            continue
        files = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if not entry.is_dir():
                        files.append(entry.name)
                    elif not entry.name.startswith("."):
                        waiting.append(f"{name}/{entry.name}")
        except OSError as error:
            counts[name] = f"can't be read: {error.strerror}"
            continue
        numbers = frame_numbers(files, frames.template(name))
        if not numbers and frames.has_other_suffix(name):
            numbers = frame_numbers(files, frames.template(name))
        if numbers:
            counts[name] = _count(numbers, frames, frames.template(name))
    return counts


def _count(numbers: set[int], frames: FrameDirectory, image_tmpl: str) -> Count:
    first, last = min(numbers), max(numbers)
    if first != frames.start_index:
        there, usual = (image_tmpl.format(n) for n in (first, frames.start_index))
        return f"begins with {there}, others with {usual}"
    if last - first + 1 != len(numbers):
        missing = next(n for n in range(first, last) if n not in numbers)
        gap = last - first + 1 - len(numbers)
        return f"{image_tmpl.format(missing)} is missing ({gap} of {last - first + 1})"
    return len(numbers)


def _count_files(root: str, names: Sequence[str]) -> dict[str, Count]:
    counts: dict[str, Count] = {}
    for name in names:
        try:
            counts[name] = count_frames(os.path.join(root, name))
        except DataError as error:
            counts[name] = str(error)
    return counts
