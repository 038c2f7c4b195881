"""The lines of one annotation list, read into arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmaction.errors import DataError
from mmaction.files import read_text

NO_LABEL = -1
NO_COUNT = 0
WHOLE = -1
# A name, which may have blanks in it, and numbers of no more digits than int64 surely holds.
_FRAMES = rb"(-?\d{1,18}|\d{1,18}:\d{1,18})"
_LABELS = rb"(-?\d{1,18}(?:,\d{1,18})*)"
_DIRECTORY_LINE = re.compile(rb"(.+?)\s+" + _FRAMES + rb"(?:\s+" + _LABELS + rb")?")
# Behind a comma there is one label: commas part columns there.
_FILE_LINE = re.compile(
    rb"(.+?\.\w+)(?:[\s,]+" + _FRAMES + rb")??"
    rb"(?:(?:\s+|\s*,\s*(?=-?\d+\Z))" + _LABELS + rb")?"
)
_DIRECTORY_FORMS = "'directory frames label' or 'directory frames', with start:end for a part"
_FILE_FORMS = "'file label', 'file frames label' or 'file'; a file is named with its suffix"


class Lines(NamedTuple):
    """The N videos of one file."""

    names: list[bytes]
    frames: np.ndarray  # int64, N; NO_COUNT where the lines name none
    starts: np.ndarray  # int64, N; WHOLE where it is no part of a video
    labels: np.ndarray  # int64, N; NO_LABEL where the lines name none
    more_labels: np.ndarray  # int64, N×M, filled up with -1
    numbers: np.ndarray  # int32, N: of the lines, counted from 1


def parse_lines(path: str, *, of_files: bool, root: bytes = b"") -> Lines:
    """Read a list of directories of frames, or of video files; all its lines have one form.

    Args:
        path: Of the list.
        of_files: Whether lines read ``file label``, ``file frames label`` or ``file`` rather than
            ``directory frames label`` or ``directory frames``.
        root: What names may begin with.

    Raises:
        DataError: A file that can't be read, or a line that can't be used; names it.
    """
    pattern, forms = (_FILE_LINE, _FILE_FORMS) if of_files else (_DIRECTORY_LINE, _DIRECTORY_FORMS)
    text = read_text(path, what="annotation file").encode()
    names: list[bytes] = []
    spans: list[bytes] = []
    labels: list[bytes] = []
    numbers: list[int] = []
    for number, line in enumerate(map(bytes.strip, text.split(b"\n")), start=1):
        if not line:
            continue
        problem = None
        match = pattern.fullmatch(line.removeprefix(root))
        name, span, label = match.groups(b"") if match else (b"", b"", b"")
        columns = 1 + bool(span) + bool(label)
        if match is None:
            problem = f"is no {forms}"
        elif names and (bool(span), bool(label)) != (bool(spans[0]), bool(labels[0])):
            before = 1 + bool(spans[0]) + bool(labels[0])
            problem = f"has {columns} columns, line {numbers[0]} has {before}"
            if columns == before:
                problem = f"has other columns than line {numbers[0]}"
        elif _leaves_root(name):
            problem = "leaves data_root; write it relative to data_root, without '..'"
        if problem:
            raise DataError(f"{path}:{number}: '{line[:200].decode(errors='replace')}' {problem}")
        names.append(name)
        spans.append(span)
        labels.append(label)
        numbers.append(number)
    if not names:
        raise DataError(f"{path}: the list is empty; a line reads {forms}")
    frames = _frames(_table(spans, b":"), path, numbers)
    ids = _table(labels, b",")
    first = np.full(len(names), NO_LABEL)
    if ids.shape[1]:
        first = _at_least(0, ids[:, 0], path, numbers, what="label")
    return Lines(names, *frames, first, ids[:, 1:], np.array(numbers, dtype=np.int32))


def _table(texts: Sequence[bytes], separator: bytes) -> np.ndarray:
    """The numbers of N texts, int64, N×M, filled up with -1; M is 0 where there are none."""
    if not texts[0]:
        return np.empty((len(texts), 0), np.int64)
    if not any(separator in text for text in texts):
        return np.array([*map(int, texts)], np.int64)[:, None]
    rows = [[*map(int, text.split(separator))] for text in texts]
    width = max(map(len, rows))
    return np.array([row + [-1] * (width - len(row)) for row in rows], np.int64)


def side_by_side(tables: Sequence[np.ndarray]) -> np.ndarray:
    """Tables of N₁, N₂ … rows one below the other, int64, their rows filled up with -1."""
    width = max(table.shape[1] for table in tables)
    fill = [((0, 0), (0, width - table.shape[1])) for table in tables]
    return np.concatenate(
        [np.pad(table, by, constant_values=-1) for table, by in zip(tables, fill, strict=True)]
    )


def _frames(table: np.ndarray, path: str, numbers: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """``Lines.frames`` and ``starts``.

    Args:
        table: int64, N×0, N×1 of frames, or N×2 of starts and ends, or of frames and -1.
        path: Of the list, for messages.
        numbers: Of its lines.
    """
    whole = np.full(len(table), WHOLE)
    if not table.shape[1]:
        return np.full(len(table), NO_COUNT), whole
    if table.shape[1] == 1:
        return _at_least(1, table[:, 0], path, numbers, what="frames"), whole
    starts, ends = table.T
    part = ends >= 0
    if (part & (ends <= starts)).any():
        first = int((part & (ends <= starts)).argmax())
        raise DataError(
            f"{path}:{numbers[first]}: part {starts[first]}:{ends[first]}: expected start:end,"
            " frames counted from 0, end after start"
        )
    frames = _at_least(1, np.where(part, ends - starts, starts), path, numbers, what="frames")
    return frames, np.where(part, starts, whole)


def _at_least(
    low: int, column: np.ndarray, path: str, numbers: list[int], *, what: str
) -> np.ndarray:
    """The column; raises DataError where it is below ``low``."""
    if (column < low).any():
        first = int((column < low).argmax())
        raise DataError(f"{path}:{numbers[first]}: {what} {column[first]}: expected {low} or more")
    return column


def _leaves_root(name: bytes) -> bool:
    return name.startswith((b"/", b"\\")) or (b".." in name and b".." in re.split(rb"[/\\]", name))
