"""Annotation lists: one video a line, ``directory frames label``, kept in arrays.

Arrays rather than Python objects: processes forked from this one share their pages for good (a
Python object's page is copied when its reference count is touched), and pickling is compact.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain

import numpy as np

from mmaction.datasets.annotation_lines import NO_LABEL, WHOLE, parse_lines
from mmaction.errors import ConfigError, DataError


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
        encoded_names: bytes, N: UTF-8, each with as much room as the longest takes.
        file_ids: int32, N: the file each record comes from.
        lines: int32, N: its line there, counted from 1.
    """

    files: tuple[str, ...]
    frames: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    more_labels: np.ndarray
    encoded_names: np.ndarray
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
        paths = path_list(files)
        if not paths:
            raise DataError("ann_file names no annotation file")
        prefixes = [_prefix(root) for root in roots] or [b""] * len(paths)
        lists = [
            parse_lines(path, of_files=of_files, root=prefix)
            for path, prefix in zip(paths, prefixes, strict=True)
        ]
        names, spans, labels, numbers = ([*chain(*column)] for column in zip(*lists, strict=True))
        most = max(map(len, labels))
        table = np.array([ids + (NO_LABEL,) * (most - len(ids)) for ids in labels], np.int64)
        frames, starts = np.array(spans, np.int64).T
        annotations = cls(
            files=tuple(paths),
            frames=frames,
            starts=starts,
            labels=table[:, 0],
            more_labels=table[:, 1:],
            encoded_names=np.array(names, np.bytes_),
            file_ids=np.repeat(
                np.arange(len(lists), dtype=np.int32), [len(part.names) for part in lists]
            ),
            lines=np.array(numbers, np.int32),
        )
        return annotations.filtered(include, exclude)

    def __len__(self) -> int:
        return len(self.frames)

    def name(self, index: int) -> str:
        """The directory of video ``index``, as its line writes it."""
        name: bytes = self.encoded_names[index]
        return name.decode()

    def names(self) -> Iterator[str]:
        """All names in order."""
        return map(bytes.decode, self.encoded_names.tolist())

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
        """Each record as often as ``times`` says for its file, one directly after the other.

        Raises:
            ConfigError: A number that is none, or less than 1.
        """
        for value in times:
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"repeat={value!r}: expected a whole number, 1 or more")
        if set(times) == {1}:
            return self
        counts = np.asarray(times, dtype=np.int64)[self.file_ids]
        return self._taken(np.repeat(np.arange(len(self)), counts))

    def _taken(self, indices: np.ndarray) -> AnnotationList:
        columns = [field.name for field in fields(self) if field.name != "files"]
        return replace(self, **{column: getattr(self, column)[indices] for column in columns})


def path_list(given: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """One path or several, as a config may name them, in a list."""
    paths = [given] if isinstance(given, str | os.PathLike) else given
    return [os.fspath(path) for path in paths]


def _any_of(patterns: str | Sequence[str]) -> Callable[[str], object]:
    """What finds out whether a name fits one of the shell patterns; none fits an empty list."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)").match


def _prefix(root: str | os.PathLike[str]) -> bytes:
    return os.path.join(os.path.abspath(root), "").encode()
