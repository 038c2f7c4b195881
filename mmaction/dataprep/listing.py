"""What a data set's own files say: its classes, and which videos each split has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from mmaction.errors import DataError
from mmaction.text_files import numbered_lines

SECONDS = re.compile(r"\d{1,9}(\.\d*)?", re.ASCII)  # as lists write them


class Part(NamedTuple):
    """What of a video is a sample of its own: from ``start`` on, up to before ``end``.

    Frames counted from 0, or seconds from the video's beginning.
    """

    start: float
    end: float
    in_seconds: bool


@dataclass(frozen=True)
class Entry:
    """A video as a file names it.

    Attributes:
        name: What finds it among the files: last part of its path, without suffix, or the path.
        class_name: None: not published.
        where: ``file:line``, for messages.
        part: None: the whole video.
        label: The class's id, once ``with_labels`` has found it.
    """

    name: str
    class_name: str | None
    where: str
    part: Part | None = None
    label: int | None = None


@dataclass(frozen=True)
class Listing:
    """A data set as its own files list it.

    Attributes:
        classes: Names by label.
        splits: Entries by split, in the order of the files.
        published: How many videos a split has by what its makers have published.
    """

    classes: Sequence[str]
    splits: Mapping[str, list[Entry]]
    published: Mapping[str, int] = field(default_factory=dict)


def with_labels(
    entries: Mapping[str, Sequence[Entry]], classes: Sequence[str], source: str
) -> dict[str, list[Entry]]:
    """Class names to class ids, from 0 in the order of ``classes``.

    Args:
        entries: By split.
        classes: All names.
        source: Where these are from, for messages.

    Raises:
        DataError: No class, or one that is there twice; an entry's is none of them; some of a
            split's entries have one and others none.
    """
    ids: dict[str | None, int] = {name: label for label, name in enumerate(classes)}
    if not classes:
        raise DataError(f"{source}: no class is named")
    if len(ids) < len(classes):
        twice = next(name for label, name in enumerate(classes) if ids[name] != label)
        raise DataError(f"{source}: class '{twice}' is there twice")
    for part in entries.values():
        for entry in part:
            name = entry.class_name
            if name is not None and name not in ids:
                raise DataError(f"{entry.where}: label '{name}' is no class of {source}")
            if (name is None) != (part[0].class_name is None):
                raise DataError(f"{entry.where}: '{entry.name}': a label in some rows only")
    return {
        split: [replace(entry, label=ids.get(entry.class_name)) for entry in part]
        for split, part in entries.items()
    }


def class_names(entries: Mapping[str, Iterable[Entry]]) -> list[str]:
    """The classes of some entries, by alphabet."""
    names = {entry.class_name for part in entries.values() for entry in part}
    return sorted(name for name in names if name is not None)


def read_class_names(path: str | os.PathLike[str]) -> list[str]:
    """A text file's lines that are not blank."""
    return [line for _, line in numbered_lines(path)]


def check_no_repeats(entries: Iterable[Entry]) -> None:
    """Raise DataError where a video, or the same part of one, is listed twice."""
    seen: dict[tuple[str, Part | None], Entry] = {}
    for entry in entries:
        other = seen.setdefault((entry.name, entry.part), entry)
        if other is not entry:
            raise DataError(f"{entry.where}: '{entry.name}' is also listed at {other.where}")
