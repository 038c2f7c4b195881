"""The lines of one annotation list."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

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
    """The N videos of one list, column by column."""

    names: list[bytes]
    spans: list[tuple[int, int]]  # frames, NO_COUNT if unknown; where a part starts, or WHOLE
    labels: list[tuple[int, ...]]  # NO_LABEL alone where the list has none
    numbers: list[int]  # of the lines, counted from 1


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
    # Most lines share their numbers with others: each text is read once.
    span_of, labels_of = cache(_span), cache(_labels)
    found = Lines([], [], [], [])
    first: tuple[bool, bool] | None = None
    for number, line in enumerate(map(bytes.strip, text.split(b"\n")), start=1):
        if not line:
            continue
        match = pattern.fullmatch(line.removeprefix(root))
        name, span, ids = match.groups(b"") if match else (b"", b"", b"")
        columns = (bool(span), bool(ids))
        first = first or columns
        problem = None
        if match is None:
            problem = f"is no {forms}"
        elif columns != first:
            there, before = 1 + sum(columns), 1 + sum(first)
            problem = f"has {there} columns, line {found.numbers[0]} has {before}"
            if there == before:
                problem = f"has other columns than line {found.numbers[0]}"
        elif _leaves_root(name):
            problem = "leaves data_root; write it relative to data_root, without '..'"
        if problem:
            raise DataError(f"{path}:{number}: '{line[:200].decode(errors='replace')}' {problem}")
        try:
            found.spans.append(span_of(span))
            found.labels.append(labels_of(ids))
        except _WrongNumber as e:
            raise DataError(f"{path}:{number}: {e}") from None
        found.names.append(name)
        found.numbers.append(number)
    if not found.names:
        raise DataError(f"{path}: the list is empty; a line reads {forms}")
    return found


class _WrongNumber(ValueError):
    """What is wrong with it, and what would be right."""


def _span(text: bytes) -> tuple[int, int]:
    """One of ``Lines.spans``."""
    if not text:
        return NO_COUNT, WHOLE
    first, colon, end = text.partition(b":")
    frames, start = (int(end) - int(first), int(first)) if colon else (int(first), WHOLE)
    if colon and frames < 1:
        raise _WrongNumber(
            f"part {text.decode()}: expected start:end, frames counted from 0, end after start"
        )
    if frames < 1:
        raise _WrongNumber(f"frames {frames}: expected 1 or more")
    return frames, start


def _labels(text: bytes) -> tuple[int, ...]:
    """One of ``Lines.labels``."""
    if not text:
        return (NO_LABEL,)
    ids = tuple(map(int, text.split(b",")))
    if ids[0] < 0:
        raise _WrongNumber(f"label {ids[0]}: expected 0 or more")
    return ids


def _leaves_root(name: bytes) -> bool:
    return name.startswith((b"/", b"\\")) or (b".." in name and b".." in re.split(rb"[/\\]", name))
