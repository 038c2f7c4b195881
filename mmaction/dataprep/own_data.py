"""Listings of one's own videos: class folders or a csv, split here where they are not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from mmaction.dataprep.drawn_split import split_drawn
from mmaction.dataprep.listing import (
    SECONDS,
    Entry,
    Listing,
    Part,
    check_no_repeats,
    class_names,
    read_class_names,
    with_labels,
)
from mmaction.dataprep.media import MediaRoot
from mmaction.datasets.splits import SPLITS
from mmaction.errors import DataError
from mmaction.text_files import read_csv

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


def list_folders(
    media: Mapping[str, MediaRoot],
    *,
    draw: bool,
    classes: str | None,
    val_share: float,
    seed: int,
    group_by: str | None = None,
) -> Listing:
    """The videos of class folders: what lies below the directory ``walking`` shows it.

    Args:
        media: Where each split's videos are.
        draw: Whether the splits share one place, and it is to be split.
        classes: File with a class a line, in the order of labels; None: by alphabet.
        val_share: Share of the videos to set aside for validation, 0 for none.
        seed: Of that draw.
        group_by: Keeps groups together in it: see ``drawn_split.group_of``.

    Raises:
        DataError: A video that lies in no class folder, or a folder that is no class.
    """
    rows = {split: _rows(root) for split, root in media.items()}
    names = class_names(rows) if classes is None else read_class_names(classes)
    entries = with_labels(rows, names, classes or ", ".join({r.root for r in media.values()}))
    if draw:
        entries = split_drawn(entries["train"], val_share=val_share, seed=seed, group_by=group_by)
    return Listing(names, entries)


def _rows(media: MediaRoot) -> list[Entry]:
    rows = []
    for name in media.names:
        where = f"{media.root}/{name}"
        folder, separator, _ = name.partition("/")
        if not separator:
            raise DataError(f"'{where}' lies in no class folder: expected CLASS/{name}")
        rows.append(Entry(name, folder, where))
    return rows


def list_table(
    path: str,
    *,
    classes: str | None = None,
    val_share: float = 0.0,
    seed: int = 0,
    group_by: str | None = None,
) -> tuple[Listing, dict[str, int] | None]:
    """The videos of a csv whose header names its columns.

    Columns: ``path``, relative to the root of frames or videos; ``label``: the class, or its id if
    all are numbers; maybe ``frames``; maybe ``split``, without which a draw splits; maybe
    ``start_frame`` and ``end_frame``, counted from 0, or ``start_sec`` and ``end_sec``, for parts
    of longer videos, up to before the end. A draw keeps the parts of a video together.

    Args:
        path: The file.
        classes: File with a class a line, in the order of labels. None: the labels by alphabet;
            where they are numbers, classes are called by their numbers.
        val_share: As for class folders.
        seed: Likewise.
        group_by: Likewise.

    Returns:
        The videos; their frames by name, None where the csv has no such column.

    Raises:
        DataError: A column is missing or a row can't be right.
    """
    rows, own_splits, frames = [], [], {}
    for where, cells in read_csv(path, required=("path", "label")):
        name = _name(cells["path"], where)
        if not cells["label"]:
            raise DataError(f"{where}: no label")
        rows.append(Entry(name, cells["label"], where, _part(cells, where)))
        if "frames" in cells:
            if not _NUMBER.fullmatch(cells["frames"]) or int(cells["frames"]) < 1:
                raise DataError(f"{where}: frames '{cells['frames']}' is no number of at least 1")
            frames[name] = int(cells["frames"])
        if "split" in cells:
            if cells["split"] not in SPLITS:
                raise DataError(f"{where}: split '{cells['split']}' is none of {', '.join(SPLITS)}")
            own_splits.append(cells["split"])
    if not rows:
        raise DataError(f"{path}: no row but the header")
    check_no_repeats(rows)
    names, rows = _numbers_as_names(rows, classes)
    entries = with_labels({"train": rows}, names, classes or path)["train"]
    if not own_splits:
        drawn = split_drawn(entries, val_share=val_share, seed=seed, group_by=group_by)
        return Listing(names, drawn), frames or None
    by_split = {
        split: [entry for entry, own in zip(entries, own_splits, strict=True) if own == split]
        for split in SPLITS
        if split in own_splits
    }
    return Listing(names, by_split), frames or None


def _part(cells: Mapping[str, str], where: str) -> Part | None:
    for unit, in_seconds in (("frame", False), ("sec", True)):
        columns = (f"start_{unit}", f"end_{unit}")
        texts = [cells[column] for column in columns if column in cells]
        if not texts:
            continue
        form = SECONDS if in_seconds else _NUMBER
        good = len(texts) == 2 and all(form.fullmatch(text) for text in texts)
        if not good or float(texts[0]) >= float(texts[1]):
            said = ", ".join(f"{c} '{cells.get(c, '')}'" for c in columns)
            raise DataError(
                f"{where}: {said}: expected two numbers from 0 on, the end after the start"
            )
        return Part(float(texts[0]), float(texts[1]), in_seconds)
    return None


def _name(text: str, where: str) -> str:
    path = PurePosixPath(text.replace("\\", "/"))
    if not text or path.is_absolute() or ".." in path.parts:
        raise DataError(f"{where}: path '{text}' is none relative to the root, without '..'")
    return path.as_posix()


def _numbers_as_names(rows: list[Entry], classes: str | None) -> tuple[list[str], list[Entry]]:
    """Class names, and the rows with such in the place of numbers."""
    names = class_names({"": rows}) if classes is None else read_class_names(classes)
    labels = [row.class_name or "" for row in rows]
    numbers = all(_NUMBER.fullmatch(label) for label in labels)
    if not numbers or (classes is not None and not set(names).isdisjoint(labels)):
        return names, rows
    ids = [int(label) for label in labels]
    highest = max(ids)
    where = rows[ids.index(highest)].where
    if classes is None:
        # More numbers than videos by far are no class ids.
        if highest > max(10 * len(ids), 1000):
            raise DataError(f"{where}: label {highest} of {len(ids)} videos is no class id")
        names = [str(label) for label in range(highest + 1)]
    elif highest >= len(names):
        raise DataError(f"{where}: label {highest}, but {classes} names {len(names)} classes")
    named = [replace(row, class_name=names[n]) for row, n in zip(rows, ids, strict=True)]
    return names, named
