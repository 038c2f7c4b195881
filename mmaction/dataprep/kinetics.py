"""Kinetics: a csv with ``label,youtube_id,time_start,time_end,split`` for each split."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from mmaction.dataprep.listing import (
    ClassIds,
    Entry,
    Listing,
    check_no_repeats,
    find_splits,
    read_class_names,
)
from mmaction.dataprep.text_files import Rows
from mmaction.errors import DataError

_FILES = {
    "train": ("train.csv", "kinetics_train.csv", "kinetics-400_train.csv"),
    "val": ("val.csv", "validate.csv", "kinetics_val.csv", "kinetics-400_val.csv"),
    "test": ("test.csv", "kinetics_test.csv", "kinetics-400_test.csv"),
}
_SECONDS = re.compile(r"\d{1,9}(\.\d*)?", re.ASCII)


def read_kinetics(
    annotations: str | os.PathLike[str],
    *,
    labels: str | None = None,
    files: Mapping[str, str | None] | None = None,
    splits: Sequence[str] | None = None,
) -> Listing:
    """Read the published csv files; a video is called ``<id>_<start>_<end>``, six digits each.

    Args:
        annotations: Directory of the files ``train.csv``, ``val.csv``, ``test.csv``.
        labels: File with a class a line, in the order of labels; None: the classes of the csv
            files by alphabet.
        files: Files by split, if they have other names.
        splits: Which to read; None: all whose files are there.

    Raises:
        DataError: A file or column is missing or a row can't be right.
    """
    paths = find_splits(annotations, _FILES, given=files, splits=splits)
    rows = {split: _read(path) for split, path in paths.items()}
    classes = (
        sorted({label for part in rows.values() for _, label, _ in part if label is not None})
        if labels is None
        else read_class_names(labels)
    )
    ids = ClassIds(classes, labels or os.fspath(annotations))
    read = {
        split: [
            Entry(name, None if label is None else ids.label(label, where), where)
            for name, label, where in part
        ]
        for split, part in rows.items()
    }
    check_no_repeats(entry for entries in read.values() for entry in entries)
    return Listing(tuple(classes), read, {})


def video_name(youtube_id: str, start_sec: float, end_sec: float) -> str:
    """What a clip is called by the tools that download them."""
    return f"{youtube_id}_{round(start_sec):06d}_{round(end_sec):06d}"


def _read(path: str) -> list[tuple[str, str | None, str]]:
    """Name, class and place of each row; the class is None where a file has none."""
    rows = Rows(path)
    label = rows.column("label", required=False)
    youtube_id = rows.column("youtube_id")
    start, end = rows.column("time_start"), rows.column("time_end")
    assert youtube_id is not None
    assert start is not None
    assert end is not None
    read = []
    labelled = None
    for line, row in rows:
        where = f"{path}:{line}"
        for column in (start, end):
            if not _SECONDS.fullmatch(row[column]):
                raise DataError(f"{where}: {rows.columns[column]} '{row[column]}' is no number")
        if not row[youtube_id]:
            raise DataError(f"{where}: no youtube_id")
        name = video_name(row[youtube_id], float(row[start]), float(row[end]))
        text = (row[label] or None) if label is not None else None
        labelled = text is not None if labelled is None else labelled
        if labelled != (text is not None):
            raise DataError(f"{where}: a label in some rows only")
        read.append((name, text, where))
    return read
