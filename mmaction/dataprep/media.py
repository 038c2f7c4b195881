"""The videos below a root, as directories of frames or as files, and how long they are."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from typing import TypeVar

import numpy as np

from mmaction.dataprep.directories import walk
from mmaction.dataprep.listing import Part
from mmaction.dataprep.video_files import find_videos, without_suffix
from mmaction.dataprep.worker_pool import run_all
from mmaction.datasets.sources.directory import FrameDirectory, find_frames
from mmaction.datasets.sources.image_files import IMAGE_SUFFIXES, frame_numbers
from mmaction.datasets.sources.video import count_frames, frame_times
from mmaction.errors import DataError

Result = TypeVar("Result")
Count = int | str
"""Frames of a video, at least 1, or what is wrong with it."""

_CHUNK = 64  # videos, or directories, handed to a process at a time
# Directories to look at before giving up on finding out how frames are named.
_LOOKS = 20


@dataclass(frozen=True)
class MediaRoot:
    """Videos below one place.

    Attributes:
        root: The place, for messages.
        names: All videos there, relative to it, ``/`` between parts.
        count: Says of some of them how many frames they have, or what is wrong with them.
        fps: Frames a second of those that are no files, which know when a frame is shown.
        files: Whether they are files.
    """

    root: str
    names: Sequence[str]
    count: Callable[[Sequence[str]], dict[str, Count]]
    fps: float | None = None
    files: bool = False

    def find(self, listed: str) -> str | None:
        """The name of the video that a list writes so; None: it is not there.

        A list may name the whole path below the root, or only its last part, and leave the suffix
        out: the first way that finds something counts.

        Raises:
            DataError: Several could be meant.
        """
        of_paths, of_stems, of_last_parts = self._by_spelling
        stem = without_suffix(listed)
        found = of_paths.get(listed) or of_stems.get(stem) or of_last_parts.get(stem) or []
        if len(found) > 1:
            raise DataError(f"is there {len(found)} times: {', '.join(map(repr, found[:3]))}")
        return found[0] if found else None

    @cached_property
    def _by_spelling(self) -> list[dict[str, list[str]]]:
        """Names by path, by path without suffix, and by the last part of that."""
        spellings: list[dict[str, list[str]]] = [{}, {}, {}]
        for name in sorted(self.names):
            stem = without_suffix(name)
            for names, spelled in zip(
                spellings, (name, stem, posixpath.basename(stem)), strict=True
            ):
                names.setdefault(spelled, []).append(name)
        return spellings


def counted(root: str, counts: Mapping[str, Count]) -> MediaRoot:
    """Videos whose frames are counted already."""
    return MediaRoot(root, list(counts), lambda names: {name: counts[name] for name in names})


def frame_root(root: str, *, image_tmpl: str | None = None, jobs: int = 1) -> MediaRoot:
    """Directories of frames. All are listed and counted here.

    Args:
        root: Directory that they are in, at any depth.
        image_tmpl: Name of a frame such as ``{:05d}.jpg``; None: found out.
        jobs: Processes.

    Raises:
        DataError: No directory, or none below it holds frames.
    """
    frames = _find_template(root, image_tmpl)
    _, children, _ = next(walk(root))
    below = _count(partial(_count_below, frames), children, jobs, "directories")
    counts = sorted(count for counts in below.values() for count in counts.items())
    return counted(root, dict(counts))


def file_root(root: str, *, jobs: int = 1) -> MediaRoot:
    """Video files, suffix included in the names. Counting reads a file, but does not decode it.

    Args:
        root: Directory that they are in, at any depth.
        jobs: Processes.

    Raises:
        DataError: No directory, or no videos in it.
    """
    if not os.path.isdir(root):
        raise DataError(f"'{root}' is not a directory")
    names = [video.name for video in find_videos(root)]
    return MediaRoot(
        root,
        names,
        lambda names: _count(partial(_count_file, root), names, jobs, "videos"),
        files=True,
    )


def frames_of(part: Part, name: str, count: int, media: MediaRoot) -> tuple[int, int]:
    """First frame of a part, and the one behind its last, counted from 0.

    Those of seconds are the frames shown from its start on and before its end.

    Args:
        part: Of a video.
        name: Of the video.
        count: Its frames.
        media: Where it is.

    Raises:
        DataError: Seconds of frames whose rate isn't known.
    """
    if not part.in_seconds:
        return int(part.start), int(part.end)
    if media.files:
        times = frame_times(os.path.join(media.root, name))
    elif media.fps and media.fps > 0:
        times = np.arange(count) / media.fps
    else:
        raise DataError(f"'{media.root}': say by --fps how many frames a second has there")
    start, end = np.searchsorted(times, (part.start, part.end)).tolist()
    return start, end


def open_media(
    root: str,
    splits: Sequence[str],
    *,
    files: bool,
    image_tmpl: str | None = None,
    fps: float | None = None,
    jobs: int = 1,
) -> dict[str, MediaRoot]:
    """Where each split's videos are; splits are left out whose own directory is not there.

    Args:
        root: Directory; ``{split}`` in it stands for the split's name.
        splits: The splits.
        files: Whether the videos are files, or directories of frames.
        image_tmpl: Of frames; None: found out.
        fps: Of frames: how many show a second.
        jobs: Processes.

    Raises:
        DataError: All directories are missing, or one holds no videos.
    """
    roots = {split: root.replace("{split}", split) for split in splits}
    roots = {split: path for split, path in roots.items() if os.path.isdir(path)} or roots
    opened = {
        path: file_root(path, jobs=jobs)
        if files
        else replace(frame_root(path, image_tmpl=image_tmpl, jobs=jobs), fps=fps)
        for path in dict.fromkeys(roots.values())
    }
    return {split: opened[path] for split, path in roots.items()}


def _count(
    work: Callable[[str], Result], names: Sequence[str], jobs: int, unit: str
) -> dict[str, Result]:
    """What ``work`` says of all names, in several processes."""
    counts = {}
    found = run_all(work, names, jobs=jobs, title="count frames", unit=unit, chunk=_CHUNK)
    for name, count in zip(names, found, strict=True):
        if count is None:
            raise DataError(
                f"counting the frames of '{name}' ended the process; is there too little memory?"
            )
        counts[name] = count
    return counts


def _find_template(root: str, image_tmpl: str | None) -> FrameDirectory:
    """How the frames below ``root`` are named, by the first directory that tells."""
    problem: DataError | None = None
    with_images = (
        name
        for name, _, files in walk(root)
        if name != "." and any(file.lower().endswith(IMAGE_SUFFIXES) for file in files)
    )
    for name in islice(with_images, _LOOKS):
        try:
            return find_frames(root, name, image_tmpl=image_tmpl)
        except DataError as error:
            problem = problem or error
    raise problem or DataError(f"no directory below '{root}' holds images")


def _count_below(frames: FrameDirectory, child: str) -> dict[str, Count]:
    """Counts of the directories with frames from ``child`` on down."""
    counts: dict[str, Count] = {}
    for below, _, files in walk(os.path.join(frames.data_root, child)):
        name = posixpath.normpath(f"{child}/{below}")
        numbers = frame_numbers(files, frames.template(name))
        if not numbers and frames.has_other_suffix(name):
            numbers = frame_numbers(files, frames.template(name))
        if numbers:
            counts[name] = _number_of(numbers, frames, frames.template(name))
    return counts


def _number_of(numbers: set[int], frames: FrameDirectory, image_tmpl: str) -> Count:
    first, last = min(numbers), max(numbers)
    if first != frames.start_index:
        there, usual = (image_tmpl.format(n) for n in (first, frames.start_index))
        return f"begins with {there}, others with {usual}"
    if last - first + 1 != len(numbers):
        missing = next(n for n in range(first, last) if n not in numbers)
        gap = last - first + 1 - len(numbers)
        return f"{image_tmpl.format(missing)} is missing ({gap} of {last - first + 1})"
    return len(numbers)


def _count_file(root: str, name: str) -> Count:
    try:
        return count_frames(os.path.join(root, name))
    except DataError as error:
        return str(error)
