"""What the lines of an annotation file say, and what is wrong with one."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from mmaction.errors import DataError
from mmaction.files import read_text

NO_LABEL = -1
NO_COUNT = 0
# A video file with its suffix, and up to two numbers.
_FILE_LINE = re.compile(rb"(.+?\.\w+)(?:[\s,]+(\d+))?(?:[\s,]+(\d+))?")
_MAX_DIGITS = 18  # what int64 surely holds


@dataclass(frozen=True)
class Part:
    """One file's records."""

    names: list[bytes]
    frames: np.ndarray
    labels: np.ndarray
    lines: np.ndarray


def parse_directories(path: str, root: bytes = b"") -> Part:
    """A list of directories of frames: ``directory frames label`` or ``directory frames``.

    Args:
        path: Of the list.
        root: What names may begin with.
    """
    data = read_text(path, what="annotation file").encode()
    lines = [line.strip().removeprefix(root) for line in data.split(b"\n")]
    numbers = [number for number, line in enumerate(lines, start=1) if line]
    if not numbers:
        raise DataError(f"{path}: the list is empty; a line reads 'directory frames label'")
    labelled = _ends_in_two_numbers(lines[numbers[0] - 1])
    columns = 3 if labelled else 2

    names, frames, labels = [], [], []
    for number in numbers:
        line = lines[number - 1]
        row = line.rsplit(None, columns - 1)
        # Whatever is unusual goes the slow way, which finds out what is wrong with it.
        if (
            len(row) != columns
            or not row[1].isdigit()
            or not row[-1].isdigit()
            or len(line) - len(row[0]) > _MAX_DIGITS
            or row[0].startswith((b"/", b"\\"))
            or b".." in row[0]
            or (not labelled and row[0][-1:].isdigit())
        ):
            problem = _problem(line, labelled, first=numbers[0])
            if problem:
                raise DataError(f"{path}:{number}: {problem}")
        names.append(row[0])
        frames.append(int(row[1]))
        if labelled:
            labels.append(int(row[2]))

    part = Part(
        names=names,
        frames=np.array(frames, dtype=np.int64),
        labels=np.array(labels if labelled else [NO_LABEL] * len(names), dtype=np.int64),
        lines=np.array(numbers, dtype=np.int32),
    )
    empty = part.frames < 1
    if empty.any():
        first = int(empty.argmax())
        raise DataError(
            f"{path}:{part.lines[first]}: '{names[first].decode()}' has {part.frames[first]}"
            " frames; a video has at least 1"
        )
    return part


def parse_files(path: str, root: bytes = b"") -> Part:
    """A list of video files: ``file label``, ``file frames label`` or ``file``."""
    names: list[bytes] = []
    rows: list[list[int]] = []
    lines: list[int] = []
    for number, line in enumerate(read_text(path, what="annotation file").encode().split(b"\n"), 1):
        if not line.strip():
            continue
        match = _FILE_LINE.fullmatch(line.strip().removeprefix(root))
        shown = line.strip()[:200].decode(errors="replace")
        if match is None:
            raise DataError(
                f"{path}:{number}: '{shown}' is no 'file label', 'file frames label' or 'file';"
                " a file is named with its suffix"
            )
        row = [int(text) for text in match.groups()[1:] if text is not None]
        if rows and len(row) != len(rows[0]):
            raise DataError(
                f"{path}:{number}: '{shown}' has {len(row) + 1} columns, line {lines[0]} has"
                f" {len(rows[0]) + 1}"
            )
        if problem := _leaves_root("file", match[1].decode()):
            raise DataError(f"{path}:{number}: {problem}")
        names.append(match[1])
        rows.append(row)
        lines.append(number)
    if not names:
        raise DataError(f"{path}: the list is empty; a line reads 'file label'")
    columns = np.array(rows, dtype=np.int64).reshape(len(names), -1)
    nothing = np.zeros(len(names), dtype=np.int64)
    return Part(
        names=names,
        frames=columns[:, 0] if columns.shape[1] == 2 else nothing + NO_COUNT,
        labels=columns[:, -1] if columns.shape[1] else nothing + NO_LABEL,
        lines=np.array(lines, dtype=np.int32),
    )


def _ends_in_two_numbers(line: bytes) -> bool:
    row = line.rsplit(None, 2)
    return len(row) == 3 and _is_number(row[1]) and _is_number(row[2])


def _is_number(text: bytes) -> bool:
    return text.removeprefix(b"-").isdigit()


def _problem(line: bytes, labelled: bool, first: int) -> str | None:
    """What is wrong with a line, or None; ``first`` is the line that set the file's format."""
    row = line.rsplit(None, 2)
    shown = f"'{line[:200].decode(errors='replace')}'"
    if len(row) < 2 or not _is_number(row[-1]):
        return f"{shown} is no 'directory frames label' (or 'directory frames')"
    if labelled and not _ends_in_two_numbers(line):
        return f"{shown} has no label, but line {first} has one; give all lines a label or none"
    if not labelled and _ends_in_two_numbers(line):
        return f"{shown} has a label, but line {first} has none; give all lines a label or none"
    numbers = row[1:] if labelled else row[-1:]
    if labelled and numbers[1].startswith(b"-"):
        return f"label {numbers[1].decode()} is negative; class ids start at 0"
    if numbers[0].startswith(b"-"):
        return f"{numbers[0].decode()} frames; a video has at least 1"
    if max(map(len, numbers)) > _MAX_DIGITS:
        return f"{shown} has a number that is too large"
    return _leaves_root("directory", line.rsplit(None, len(numbers))[0].decode())


def _leaves_root(what: str, name: str) -> str | None:
    if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name):
        return f"{what} '{name}' leaves data_root; write it relative to data_root, without '..'"
    return None
