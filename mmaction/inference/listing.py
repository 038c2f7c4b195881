"""Which videos are meant by what is named on a command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mmaction.dataprep.directories import walk
from mmaction.dataprep.video_files import without_suffix
from mmaction.errors import DataError
from mmaction.inference.sources import IMAGE_SUFFIXES
from mmaction.text_files import numbered_lines

LIST = ".txt"


def find_paths(given: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Paths of videos, each once, in the order in which they are named.

    Args:
        given: Video files; directories, which are searched through, by name, for video files and
            for directories of frames; lists, ``.txt``, of a path a line, relative to the list.

    Returns:
        Paths of video files and directories of frames. What a list names may be missing.

    Raises:
        DataError: What is named itself isn't there, or holds no video.
    """
    found = [path for each in given for path in _named_by(Path(each))]
    if not found:
        raise DataError("no video is given")
    return list(dict.fromkeys(found))


def _named_by(place: Path) -> list[str]:
    if place.is_dir():
        found = list(_below(place))
        if not found:
            raise DataError(f"no video file and no directory of frames below '{place}'")
        return found
    if not place.exists():
        raise DataError(f"'{place}' does not exist; expected a video, a directory or a list")
    if place.suffix.lower() != LIST:
        return [os.fspath(place)]
    found = [os.path.join(place.parent, line) for _, line in numbered_lines(place)]
    if not found:
        raise DataError(f"{place}: the list is empty; a line is the path of a video")
    return found


def _below(place: Path) -> Iterator[str]:
    """Video files; of a directory without any, but with images, the directory itself."""
    for directory, _, files in walk(place):
        folder = os.path.normpath(os.path.join(place, directory))
        videos = [name for name in files if without_suffix(name) != name]
        if videos:
            yield from (os.path.join(folder, name) for name in videos)
        elif any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in files):
            yield folder
