"""What a data set's own files say: its classes, and which videos each split has."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mmaction.errors import DataError
from mmaction.text_files import numbered_lines


class Part(NamedTuple):
    """What of a video is a sample of its own: from ``start`` on, up to before ``end``.

    Frames counted from 0, or seconds from the video's beginning.
    """

    start: float
    end: float
    in_seconds: bool


@dataclass(frozen=True)
class Row:
    """A video as a file names it.

    Attributes:
        name: What finds it among the files: last part of its path, without suffix, or the path.
        class_name: None: not published.
        where: ``file:line``, for messages.
        part: None: the whole video.
    """

    name: str
    class_name: str | None
    where: str
    part: Part | None = None


@dataclass(frozen=True)
class Entry:
    """A video that a list names: as a :class:`Row`, with a class id in the name's place."""

    name: str
    label: int | None
    where: str
    part: Part | None = None


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


def label_rows(
    rows: Mapping[str, Sequence[Row]], classes: Sequence[str], source: str
) -> dict[str, list[Entry]]:
    """Class names to class ids, from 0 in the order of ``classes``.

    Args:
        rows: By split.
        classes: All names.
        source: Where these are from, for messages.

    Raises:
        DataError: No class, or one that is there twice; a row's is none of them; some of a
            split's rows have one and others none.
    """
    ids = {name: label for label, name in enumerate(classes)}
    if not classes:
        raise DataError(f"{source}: no class is named")
    if len(ids) < len(classes):
        twice = next(name for label, name in enumerate(classes) if ids[name] != label)
        raise DataError(f"{source}: class '{twice}' is there twice")
    for part in rows.values():
        for row in part:
            if row.class_name is not None and row.class_name not in ids:
                raise DataError(f"{row.where}: label '{row.class_name}' is no class of {source}")
            if (row.class_name is None) != (part[0].class_name is None):
                raise DataError(f"{row.where}: '{row.name}': a label in some rows only")
    return {
        split: [
            Entry(
                row.name,
                None if row.class_name is None else ids[row.class_name],
                row.where,
                row.part,
            )
            for row in part
        ]
        for split, part in rows.items()
    }


def class_names(rows: Mapping[str, Iterable[Row]]) -> list[str]:
    """The classes of some rows, by alphabet."""
    names = {row.class_name for part in rows.values() for row in part}
    return sorted(name for name in names if name is not None)


def read_class_names(path: str | os.PathLike[str]) -> list[str]:
    """A text file's lines that are not blank."""
    return [line for _, line in numbered_lines(path)]


def check_no_repeats(rows: Iterable[Row]) -> None:
    """Raise DataError where a video, or the same part of one, is listed twice."""
    seen: dict[tuple[str, Part | None], Row] = {}
    for row in rows:
        other = seen.setdefault((row.name, row.part), row)
        if other is not row:
            raise DataError(f"{row.where}: '{row.name}' is also listed at {other.where}")
