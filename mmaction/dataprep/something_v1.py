"""Something-Something V1: a csv of labels, and one ``id;label`` a line for each split."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from mmaction.dataprep.listing import (
    ClassIds,
    Entry,
    Listing,
    check_no_repeats,
    find_labels,
    find_splits,
    read_class_names,
)
from mmaction.dataprep.text_files import numbered_lines
from mmaction.errors import DataError

PREFIX = "something-something-v1-"
PUBLISHED = {"train": 86_017, "val": 11_522, "test": 10_960}
_FILES = {
    "train": [f"{PREFIX}train.csv"],
    "val": [f"{PREFIX}validation.csv"],
    "test": [f"{PREFIX}test.csv"],
}


def read_something_v1(
    annotations: str | os.PathLike[str],
    *,
    labels: str | None = None,
    files: Mapping[str, str | None] | None = None,
    splits: Sequence[str] | None = None,
) -> Listing:
    """Read the published files.

    ``…-labels.csv`` has a class a line; the line is the label, counted from 0. ``…-train.csv`` and
    ``…-validation.csv`` have ``id;class`` a line, ``…-test.csv`` just ``id``.

    Args:
        annotations: Directory of the files.
        labels: The file of labels, if it has another name.
        files: Files by split, likewise.
        splits: Which to read; None: all whose files are there.

    Raises:
        DataError: A file is missing or a line can't be right.
    """
    labels = find_labels(annotations, [f"{PREFIX}labels.csv"], given=labels)
    classes = read_class_names(labels)
    ids = ClassIds(classes, labels)
    paths = find_splits(annotations, _FILES, given=files, splits=splits)
    read = {split: _read_split(path, ids) for split, path in paths.items()}
    check_no_repeats(entry for entries in read.values() for entry in entries)
    return Listing(tuple(classes), read, PUBLISHED)


def _read_split(path: str, ids: ClassIds) -> list[Entry]:
    entries = []
    labelled = None
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        name, separator, label = (part.strip() for part in line.partition(";"))
        if labelled is None:
            labelled = bool(separator)
        if not name or bool(separator) != labelled or (labelled and not label):
            expected = "'id;class'" if labelled else "'id', as the lines before"
            raise DataError(f"{where}: '{line[:200]}' is no {expected}")
        entries.append(Entry(name, ids.label(label, where) if labelled else None, where))
    return entries
