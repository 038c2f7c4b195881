"""Something-Something V2: json files of labels and of each split's videos."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmaction.dataprep.listing import (
    ClassIds,
    Entry,
    Listing,
    check_no_repeats,
    find_labels,
    find_splits,
)
from mmaction.dataprep.text_files import read_json
from mmaction.errors import DataError

PREFIX = "something-something-v2-"
PUBLISHED = {"train": 168_913, "val": 24_777, "test": 27_157}
_FILES = {
    "train": [f"{PREFIX}train.json", "train.json"],
    "val": [f"{PREFIX}validation.json", "validation.json"],
    "test": [f"{PREFIX}test.json", "test.json"],
}
_BRACKETS = re.compile(r"[\[\]]")


def read_something_v2(
    annotations: str | os.PathLike[str],
    *,
    labels: str | None = None,
    files: Mapping[str, str | None] | None = None,
    splits: Sequence[str] | None = None,
) -> Listing:
    """Read the published files, by the name with or without ``something-something-v2-``.

    ``labels.json`` maps each class to its label, a number in quotes. ``train.json`` and
    ``validation.json`` are lists of objects with an ``id`` and a ``template``, which is the class
    with its placeholders in brackets; those of ``test.json`` have an ``id`` alone.

    Args:
        annotations: Directory of the files.
        labels: The file of labels, if it has another name.
        files: Files by split, likewise.
        splits: Which to read; None: all whose files are there.

    Raises:
        DataError: A file is missing or an entry can't be right.
    """
    labels = find_labels(annotations, [f"{PREFIX}labels.json", "labels.json"], given=labels)
    classes = _read_labels(labels)
    ids = ClassIds(classes, labels)
    paths = find_splits(annotations, _FILES, given=files, splits=splits)
    read = {split: _read_split(path, ids) for split, path in paths.items()}
    check_no_repeats(entry for entries in read.values() for entry in entries)
    return Listing(tuple(classes), read, PUBLISHED)


def class_of(template: str) -> str:
    """The class that a template belongs to: the template without brackets."""
    return _BRACKETS.sub("", template)


def _read_labels(path: str) -> list[str]:
    labels = read_json(path)
    if not isinstance(labels, dict) or not labels:
        raise DataError(f"{path}: expected an object that maps each class to its label")
    by_label: dict[int, str] = {}
    for name, text in labels.items():
        label = int(text) if re.fullmatch(r"\d{1,9}", str(text), re.ASCII) else None
        if label is None or isinstance(text, bool):
            raise DataError(f"{path}: label {text!r} of '{name}' is no number such as \"12\"")
        if by_label.setdefault(label, name) != name:
            raise DataError(f"{path}: '{by_label[label]}' and '{name}' both have label {label}")
    for label in range(len(by_label)):
        if label not in by_label:
            raise DataError(
                f"{path}: no class has label {label}; {len(by_label)} classes are there"
            )
    return [by_label[label] for label in range(len(by_label))]


def _read_split(path: str, ids: ClassIds) -> list[Entry]:
    videos = read_json(path)
    if not isinstance(videos, list):
        raise DataError(f"{path}: expected a list of videos")
    entries = [_entry(video, ids, f"{path}: entry {n}") for n, video in enumerate(videos, 1)]
    bare = sum(entry.label is None for entry in entries)
    if bare not in (0, len(entries)):
        first = next(entry for entry in entries if entry.label is None)
        raise DataError(f"{first.where}: '{first.name}' has no template, but others have one")
    return entries


def _entry(video: Any, ids: ClassIds, where: str) -> Entry:
    if not isinstance(video, dict):
        raise DataError(f"{where}: expected an object with 'id' and 'template'")
    name, template = video.get("id"), video.get("template")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{where}: 'id' is {name!r}, expected a text such as \"74225\"")
    if template is not None and not isinstance(template, str):
        raise DataError(f"{where}: 'template' is {template!r}, expected a text")
    label = None if template is None else ids.label(class_of(template), where)
    return Entry(name.strip(), label, where)
