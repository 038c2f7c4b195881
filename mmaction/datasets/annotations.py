"""Annotation lists: one video a line, ``directory frames label``, kept in arrays.

Arrays rather than Python objects: processes forked from this one share their pages for good (a
Python object's page is copied when its reference count is touched), and pickling is compact.
"""

from __future__ import annotations

import fnmatch
import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
        roots: Sequence[str | os.PathLike[str]] = (),
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
            roots: What names that are absolute paths are to be below, for each file.

        Raises:
            DataError: A file that can't be read, a line that can't be used (named by file and
                line), or no video left.
        """
        paths = [files] if isinstance(files, str | os.PathLike) else list(files)
        if not paths:
            raise DataError("ann_file names no annotation file")
        parts = [
            parse_lines(os.fspath(path), of_files=of_files, root=_prefix(root))
            for path, root in itertools.zip_longest(paths, roots[: len(paths)])
        ]
        names = [name for part in parts for name in part.names]
        annotations = cls(
            files=tuple(os.fspath(path) for path in paths),
            frames=np.concatenate([part.frames for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            **_joined(names),
            file_ids=np.repeat(
                np.arange(len(parts), dtype=np.int32), [len(part.names) for part in parts]
            ),
            lines=np.concatenate([part.numbers for part in parts]),
        )
        return annotations.filtered(include, exclude)

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

    def filtered(
        self, include: str | Sequence[str] | None, exclude: str | Sequence[str] | None
    ) -> AnnotationList:
        """The videos whose name matches a shell pattern of ``include`` and none of ``exclude``.

        Raises:
            DataError: There are none.
        """
        if not include and not exclude:
            return self
        wanted, unwanted = _any_of(include or "*"), _any_of(exclude or [])
        names = list(self.names())
        kept = [i for i, name in enumerate(names) if wanted(name) and not unwanted(name)]
        if not kept:
            raise DataError(
                f"{', '.join(self.files)}: none of {len(names)} videos is left by"
                f" include={include!r} and exclude={exclude!r}; names look like '{names[0]}'"
            )
        return self._taken(np.array(kept))

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
            **_joined(names),
            file_ids=self.file_ids[indices],
            lines=self.lines[indices],
        )


def _joined(names: list[bytes]) -> dict[str, np.ndarray]:
    return dict(
        name_bytes=np.frombuffer(b"".join(names), dtype=np.uint8),
        name_ends=np.cumsum([0, *map(len, names)]),
    )


def _any_of(patterns: str | Sequence[str]) -> Callable[[str], object]:
    """What finds out whether a name fits one of the shell patterns; none fits an empty list."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)").match


def _prefix(root: str | os.PathLike[str] | None) -> bytes:
    return b"" if root is None else os.path.join(os.path.abspath(root), "").encode()


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
