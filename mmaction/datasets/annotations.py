"""Annotation lists: one video a line, ``directory frames label``, kept in arrays.

Arrays rather than Python objects: processes forked from this one share their pages for good (a
Python object's page is copied when its reference count is touched), and pickling is compact.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmaction.errors import DataError
from mmaction.files import read_text

NO_LABEL = -1
NO_COUNT = 0
# A video file with its suffix, and up to two numbers.
_FILE_LINE = re.compile(rb"(.+?\.\w+)(?:[\s,]+(\d+))?(?:[\s,]+(\d+))?")
_MAX_DIGITS = 18  # what int64 surely holds


@dataclass(frozen=True, eq=False)
class AnnotationList:
    """The videos of a data set, N of them.

    Attributes:
        files: The annotation files.
        frames: int64, N: frames of each video, >= 1, or 0 where the list leaves that to the file.
        labels: int64, N: class ids >= 0, or -1 where the file has no labels.
        name_bytes: uint8: all names, UTF-8, one after the other.
        name_ends: int64, N + 1: name i is ``name_bytes[name_ends[i]:name_ends[i + 1]]``.
        file_ids: int32, N: the file each record comes from.
        lines: int32, N: its line there, counted from 1.
    """

    files: tuple[str, ...]
    frames: np.ndarray
    labels: np.ndarray
    name_bytes: np.ndarray
    name_ends: np.ndarray
    file_ids: np.ndarray
    lines: np.ndarray

    @classmethod
    def load(
        cls,
        files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        include: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] | None = None,
        of_files: bool = False,
    ) -> AnnotationList:
        """Read one annotation file, or several one after the other.

        A line reads ``directory frames label``; the directory may contain spaces, and the label
        is there in all lines of a file or in none. Blank lines are skipped. What ends in two
        numbers is read as having a label.

        A line of a list of video files reads ``file label``, ``file frames label`` or ``file``,
        blanks or commas between; a file knows its length.

        Args:
            files: Path or paths, UTF-8 text.
            include: Shell pattern or patterns; keep only the videos whose name matches one.
            exclude: Likewise; leave out the videos whose name matches one.
            of_files: Whether it is a list of video files.

        Raises:
            DataError: A file that can't be read, a line that can't be used (named by file and
                line), or no video left.
        """
        paths = [files] if isinstance(files, str | os.PathLike) else list(files)
        if not paths:
            raise DataError("ann_file names no annotation file")
        parse = _parse_files if of_files else _parse
        parts = [parse(os.fspath(path)) for path in paths]
        names = [name for part in parts for name in part.names]
        annotations = cls(
            files=tuple(os.fspath(path) for path in paths),
            frames=np.concatenate([part.frames for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            name_bytes=np.frombuffer(b"".join(names), dtype=np.uint8),
            name_ends=_ends([len(name) for name in names]),
            file_ids=np.repeat(
                np.arange(len(parts), dtype=np.int32), [len(part.names) for part in parts]
            ),
            lines=np.concatenate([part.lines for part in parts]),
        )
        return annotations._filtered(_patterns(include), _patterns(exclude))

    def __len__(self) -> int:
        return len(self.frames)

    def name(self, index: int) -> str:
        """The directory of video ``index``, as its line writes it."""
        return self.name_bytes[self.name_ends[index] : self.name_ends[index + 1]].tobytes().decode()

    def names(self) -> Iterator[str]:
        """All names in order."""
        return (self.name(index) for index in range(len(self)))

    def label(self, index: int) -> int | None:
        """Class id of video ``index``, None where it has none."""
        label = int(self.labels[index])
        return None if label == NO_LABEL else label

    def where(self, index: int) -> str:
        """``file:line`` of video ``index``, for messages."""
        return f"{self.files[self.file_ids[index]]}:{self.lines[index]}"

    def _filtered(self, include: list[str], exclude: list[str]) -> AnnotationList:
        if not include and not exclude:
            return self
        wanted, unwanted = _any_of(include or ["*"]), _any_of(exclude)
        names = list(self.names())
        kept = np.array(
            [bool(wanted.match(name)) and not unwanted.match(name) for name in names], dtype=bool
        )
        if not kept.any():
            raise DataError(
                f"{', '.join(self.files)}: none of {len(names)} videos is left by"
                f" include={include or None} and exclude={exclude or None};"
                f" names look like '{names[0]}'"
            )
        return self._taken(np.flatnonzero(kept))

    def repeated(self, times: Sequence[int]) -> AnnotationList:
        """Each record as often as ``times`` says for its file, one directly after the other."""
        if set(times) == {1}:
            return self
        counts = np.asarray(times, dtype=np.int64)[self.file_ids]
        return self._taken(np.repeat(np.arange(len(self)), counts))

    def _taken(self, indices: np.ndarray) -> AnnotationList:
        names = [self.name(index).encode() for index in indices]
        return AnnotationList(
            files=self.files,
            frames=self.frames[indices],
            labels=self.labels[indices],
            name_bytes=np.frombuffer(b"".join(names), dtype=np.uint8),
            name_ends=_ends([len(name) for name in names]),
            file_ids=self.file_ids[indices],
            lines=self.lines[indices],
        )


@dataclass(frozen=True)
class _Part:
    """One file's records."""

    names: list[bytes]
    frames: np.ndarray
    labels: np.ndarray
    lines: np.ndarray


def _parse(path: str) -> _Part:
    data = read_text(path, what="annotation file").encode()
    lines = [line.strip() for line in data.split(b"\n")]
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

    part = _Part(
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


def _parse_files(path: str) -> _Part:
    """A list of video files: ``file label``, ``file frames label`` or ``file``."""
    names: list[bytes] = []
    rows: list[list[int]] = []
    lines: list[int] = []
    for number, line in enumerate(read_text(path, what="annotation file").encode().split(b"\n"), 1):
        if not line.strip():
            continue
        match = _FILE_LINE.fullmatch(line.strip())
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
    return _Part(
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


def _ends(lengths: Sequence[int]) -> np.ndarray:
    ends = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=ends[1:])
    return ends


def _patterns(patterns: str | Sequence[str] | None) -> list[str]:
    if patterns is None:
        return []
    return [patterns] if isinstance(patterns, str) else list(patterns)


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    """What matches a name that fits one of the shell patterns; none fits an empty list."""
    alternatives = [fnmatch.translate(pattern) for pattern in patterns]
    return re.compile("|".join(alternatives) if alternatives else r"(?!)")
