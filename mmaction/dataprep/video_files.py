"""Which video files there are, and what their directories of frames will be called."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePath

from mmaction.dataprep.directories import walk
from mmaction.errors import DataError
from mmaction.text_files import numbered_lines

VIDEO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("3gp", "asf", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4"),
        *("mpeg", "mpg", "mts", "ogv", "ts", "vob", "webm", "wmv"),
    )
)


@dataclass(frozen=True)
class VideoFile:
    """A video file.

    Attributes:
        path: Where it is.
        name: Its path relative to the directory or list it was found by, ``/`` between parts,
            suffix included.
    """

    path: str
    name: str

    @property
    def stem(self) -> str:
        """``name`` without its suffix: what its directory of frames is called."""
        return without_suffix(self.name)


def without_suffix(name: str) -> str:
    """A video's name without what says that it is a video; other names unchanged."""
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in VIDEO_SUFFIXES else name


def find_videos(videos: str | os.PathLike[str]) -> list[VideoFile]:
    """The videos of a directory, searched through, or of a text list; ordered by name.

    A line of a list is a path, relative to the list's directory or absolute. A relative path is
    the video's name; of an absolute one, its last part is. Hidden files and directories of a
    directory are left out. Whether a file is a video at all, its suffix says in a directory; what
    a list names is taken.

    Raises:
        DataError: No such place, no video there, or a line that can't be used.
    """
    place = Path(videos)
    if place.is_dir():
        found = [
            VideoFile(os.path.join(place, name), name)
            for directory, _, files in walk(place)
            for name in (PurePath(directory, file).as_posix() for file in files)
            if without_suffix(name) != name
        ]
        if not found:
            raise DataError(
                f"no video below '{place}': names end in {', '.join(sorted(VIDEO_SUFFIXES))}"
            )
    elif place.exists():
        found = [_listed(place, number, line) for number, line in numbered_lines(place)]
        if not found:
            raise DataError(f"{place}: the list is empty; a line is the path of a video")
    else:
        raise DataError(f"'{place}' does not exist; expected a directory of videos or a list")
    return sorted(found, key=lambda video: video.name)


def _listed(place: Path, number: int, line: str) -> VideoFile:
    path = PurePath(line)
    if path.is_absolute():
        return VideoFile(line, path.name)
    if ".." in path.parts:
        raise DataError(
            f"{place}:{number}: '{line}' leaves the list's directory; write an absolute path"
        )
    return VideoFile(os.path.join(place.parent, line), path.as_posix())


def check_names(videos: list[VideoFile]) -> None:
    """Raise DataError where two videos' frames would have one directory, or one in the other's."""
    by_stem = {video.stem: video for video in videos}
    for video in videos:
        directory = PurePath(video.stem)
        for place in (directory, *directory.parents):
            other = by_stem.get(place.as_posix(), video)
            if other is not video:
                raise DataError(
                    f"the frames of '{video.path}' would lie in '{video.stem}', those of"
                    f" '{other.path}' in '{other.stem}'; rename one or leave it out"
                )
