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

import numpy as np

from mmaction.datasets.annotation_lines import NO_LABEL, WHOLE, parse_lines, side_by_side
from mmaction.errors import DataError


@dataclass(frozen=True, eq=False)
class AnnotationList:
    """The videos of a data set, N of them.

    Attributes:
        files: The annotation files.
        frames: int64, N: frames of each video, >= 1, or 0 where the list leaves that to the file.
        starts: int64, N: the first frame, counted from 0, of a part of a longer video; -1: it is
            the whole video.
        labels: int64, N: class ids >= 0, or -1 where the file has no labels.
        more_labels: int64, N×M: further ones, filled up with -1; M is 0 where none has any.
        name_bytes: uint8: all names, UTF-8, one after the other.
        name_ends: int64, N + 1: name i is ``name_bytes[name_ends[i]:name_ends[i + 1]]``.
        file_ids: int32, N: the file each record comes from.
        lines: int32, N: its line there, counted from 1.
    """

    files: tuple[str, ...]
    frames: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    more_labels: np.ndarray
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

        In the place of frames, ``start:end`` makes a part of a longer video: frames from start on,
        counted from 0, up to the one before end. Several labels are parted by commas: ``3,7``.

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
            starts=np.concatenate([part.starts for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            more_labels=side_by_side([part.more_labels for part in parts]),
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

    def title(self, index: int) -> str:
        """What video ``index`` is called in results: its name; of a part, with its frames."""
        start = int(self.starts[index])
        if start == WHOLE:
            return self.name(index)
        return f"{self.name(index)}@{start}-{start + int(self.frames[index])}"

    def label(self, index: int) -> int | None:
        """Class id of video ``index``, None where it has none."""
        label = int(self.labels[index])
        return None if label == NO_LABEL else label

    def further_labels(self, index: int) -> tuple[int, ...]:
        """Those of video ``index`` beside the first; most lists have none."""
        return tuple(int(label) for label in self.more_labels[index] if label != NO_LABEL)

    def highest_labels(self) -> np.ndarray:
        """int64, N: the highest class id of each video, -1 where it has none."""
        return np.maximum(self.more_labels.max(axis=1, initial=NO_LABEL), self.labels)

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
            starts=self.starts[indices],
            labels=self.labels[indices],
            more_labels=self.more_labels[indices],
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
