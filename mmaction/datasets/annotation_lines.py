"""What the lines of an annotation file say, and what is wrong with one."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from mmaction.errors import DataError
from mmaction.files import read_text

NO_LABEL = -1
NO_COUNT = 0
# A name, which may have blanks in it, and numbers of no more digits than int64 surely holds.
_DIRECTORY_LINE = re.compile(rb"(.+?)\s+(-?\d{1,18})(?:\s+(-?\d{1,18}))?")
_FILE_LINE = re.compile(rb"(.+?\.\w+)(?:[\s,]+(-?\d{1,18}))?(?:[\s,]+(-?\d{1,18}))?")
_DIRECTORY_FORMS = "'directory frames label' or 'directory frames'"
_FILE_FORMS = "'file label', 'file frames label' or 'file'; a file is named with its suffix"


class Lines(NamedTuple):
    """The N videos of one file."""

    names: list[bytes]
    frames: np.ndarray  # int64, N; NO_COUNT where the lines name none
    labels: np.ndarray  # int64, N; NO_LABEL likewise
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
    values: list[int] = []
    numbers: list[int] = []
    columns: int | None = None
    for number, line in enumerate(map(bytes.strip, text.split(b"\n")), start=1):
        if not line:
            continue
        problem = None
        match = pattern.fullmatch(line.removeprefix(root))
        if match is None:
            problem = f"is no {forms}"
        elif columns not in (None, match.lastindex):
            problem = f"has {match.lastindex} columns, line {numbers[0]} has {columns}"
        elif _leaves_root(match[1]):
            problem = "leaves data_root; write it relative to data_root, without '..'"
        if match is None or problem:
            raise DataError(f"{path}:{number}: '{line[:200].decode(errors='replace')}' {problem}")
        columns = match.lastindex
        names.append(match[1])
        values += map(int, match.groups()[1:columns])
        numbers.append(number)
    if not names:
        raise DataError(f"{path}: the list is empty; a line reads {forms}")

    frames, labels = np.full(len(names), NO_COUNT), np.full(len(names), NO_LABEL)
    table = np.array(values, dtype=np.int64).reshape(len(names), -1)
    if columns == 3 or (columns == 2 and not of_files):
        frames = _at_least(1, table[:, 0], path, numbers, what="frames")
    if columns == 3 or (columns == 2 and of_files):
        labels = _at_least(0, table[:, -1], path, numbers, what="label")
    return Lines(names, frames, labels, np.array(numbers, dtype=np.int32))


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
