"""A csv of one's own: columns ``path``, ``label`` and, if wanted, ``frames`` and ``split``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from mmaction.dataprep.listing import (
    ClassIds,
    Entry,
    check_no_repeats,
    read_class_names,
)
from mmaction.dataprep.text_files import Rows
from mmaction.datasets.splits import SPLITS
from mmaction.errors import DataError

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validate": "val",
    "validation": "val",
    "test": "test",
}


@dataclass(frozen=True)
class Table:
    """A csv's videos.

    Attributes:
        path: The file.
        classes: Names by label.
        entries: In order.
        splits: The split of each; None: the csv has no such column.
        frames: Frames by name; None: the csv has no such column.
    """

    path: str
    classes: tuple[str, ...]
    entries: list[Entry]
    splits: list[str] | None
    frames: dict[str, int] | None


def read_table(path: str | os.PathLike[str], *, classes: str | None = None) -> Table:
    """Read a csv whose header names its columns; comma, semicolon or tab separate them.

    Columns: ``path`` (or video, name, file, directory) relative to the root of frames or videos;
    ``label`` (or class): the class, or its id if all are numbers; ``frames``; ``split``.

    Args:
        path: The file.
        classes: File with a class a line, in the order of labels. None: the labels by alphabet;
            where they are numbers, classes are called by their numbers.

    Raises:
        DataError: A column is missing or a row can't be right.
    """
    rows = Rows(path)
    where_path = rows.column("path", "video", "name", "file", "directory")
    where_label = rows.column("label", "class")
    where_frames = rows.column("frames", "num_frames", "total_frames", required=False)
    where_split = rows.column("split", "subset", required=False)
    assert where_path is not None
    assert where_label is not None

    names, labels, places, splits = [], [], [], []
    frames = {}
    for line, row in rows:
        where = f"{rows.path}:{line}"
        name = _name(row[where_path], where)
        if not row[where_label]:
            raise DataError(f"{where}: no label")
        names.append(name)
        labels.append(row[where_label])
        places.append(where)
        if where_frames is not None:
            frames[name] = _frames(row[where_frames], where)
        if where_split is not None:
            splits.append(_split(row[where_split], where))
    if not names:
        raise DataError(f"{rows.path}: no row but the header")
    class_names, ids = _label_ids(labels, places, classes, rows.path)
    entries = [Entry(*entry) for entry in zip(names, ids, places, strict=True)]
    check_no_repeats(entries)
    return Table(
        rows.path,
        tuple(class_names),
        entries,
        None if where_split is None else splits,
        None if where_frames is None else frames,
    )


def _name(text: str, where: str) -> str:
    path = PurePosixPath(text.replace("\\", "/"))
    if not text or path.is_absolute() or ".." in path.parts:
        raise DataError(f"{where}: path '{text}' is none relative to the root, without '..'")
    return path.as_posix()


def _frames(text: str, where: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise DataError(f"{where}: frames '{text}' is no number of at least 1")
    return int(text)


def _split(text: str, where: str) -> str:
    if text.lower() not in _SPLIT_WORDS:
        raise DataError(f"{where}: split '{text}' is none of {', '.join(SPLITS)}")
    return _SPLIT_WORDS[text.lower()]


def _label_ids(
    labels: Sequence[str], places: Sequence[str], classes: str | None, path: str
) -> tuple[list[str], list[int]]:
    """Class names, and the label of each row."""
    names = None if classes is None else read_class_names(classes)
    if all(_NUMBER.fullmatch(label) for label in labels) and not set(labels) & set(names or ()):
        ids = [int(label) for label in labels]
        highest = max(ids)
        if names is None:
            # More numbers than videos by far are no class ids.
            if highest > max(10 * len(ids), 1000):
                row = places[ids.index(highest)]
                raise DataError(f"{row}: label {highest} of {len(ids)} videos is no class id")
            return [str(label) for label in range(highest + 1)], ids
        if highest >= len(names):
            row = places[ids.index(highest)]
            raise DataError(f"{row}: label {highest}, but {classes} names {len(names)} classes")
        return names, ids
    if names is None:
        names = sorted(set(labels))
    known = ClassIds(names, classes or path)
    return names, [known.label(label, row) for label, row in zip(labels, places, strict=True)]
