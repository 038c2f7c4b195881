"""What a data set's own files say: its classes, and which videos each split has."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mmaction.dataprep.text_files import numbered_lines
from mmaction.errors import DataError


@dataclass(frozen=True)
class Entry:
    """A video that a list names.

    Attributes:
        name: What finds it among the files: last part of its path, without suffix, or the path.
        label: Class id; None: not published.
        where: ``file:line``, for messages.
    """

    name: str
    label: int | None
    where: str


@dataclass(frozen=True)
class Listing:
    """A data set as its own files list it.

    Attributes:
        classes: Names by label.
        splits: Entries by split, in the order of the files.
        published: How many videos a split has by what its makers have published.
    """

    classes: tuple[str, ...]
    splits: dict[str, list[Entry]]
    published: dict[str, int]


class ClassIds:
    """Labels by class name; the first name has label 0.

    Args:
        names: The class names.
        path: File that they come from, for messages.

    Raises:
        DataError: No names, or one twice.
    """

    def __init__(self, names: Sequence[str], path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._ids = {name: label for label, name in enumerate(names)}
        if not names:
            raise DataError(f"{self._path}: no class is named")
        if len(self._ids) < len(names):
            twice = next(name for i, name in enumerate(names) if self._ids[name] != i)
            raise DataError(f"{self._path}: class '{twice}' is there twice")

    def label(self, name: str, where: str) -> int:
        """Label of a class; ``where`` says who asks.

        Raises:
            DataError: There is no such class.
        """
        if name not in self._ids:
            raise DataError(f"{where}: label '{name}' is no class of {self._path}")
        return self._ids[name]


def read_class_names(path: str | os.PathLike[str]) -> list[str]:
    """A text file's lines that are not blank."""
    return [line for _, line in numbered_lines(path)]


def check_no_repeats(entries: Iterable[Entry]) -> None:
    """Raise DataError where a video is listed twice."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        other = seen.setdefault(entry.name, entry)
        if other is not entry:
            raise DataError(f"{entry.where}: '{entry.name}' is also listed at {other.where}")


def find_labels(
    directory: str | os.PathLike[str], names: Sequence[str], *, given: str | None
) -> str:
    """The file of labels: the one given, or that with a name it is published under.

    Raises:
        DataError: None is there.
    """
    found = given or _first_there(directory, names)
    if found is None:
        raise DataError(f"'{os.fspath(directory)}' has no {_either(names)}; name it with --labels")
    return found


def find_splits(
    directory: str | os.PathLike[str],
    names: Mapping[str, Sequence[str]],
    *,
    given: Mapping[str, str | None] | None = None,
    splits: Sequence[str] | None = None,
) -> dict[str, str]:
    """Files by split, by the names they are published under.

    Args:
        directory: Where they are.
        names: Published names by split.
        given: Files that have other names, or are elsewhere.
        splits: The splits wanted; None: all that are there.

    Raises:
        DataError: The file of a split that is wanted is missing, or all are.
    """
    found = {}
    for split in splits or names:
        path = (given or {}).get(split) or _first_there(directory, names[split])
        if path is not None:
            found[split] = path
        elif splits is not None:
            raise DataError(
                f"'{os.fspath(directory)}' has no {_either(names[split])};"
                f" name the file with --{split}"
            )
    if not found:
        published = [name for split_names in names.values() for name in split_names]
        raise DataError(f"'{os.fspath(directory)}' has no {_either(published)}")
    return found


def _first_there(directory: str | os.PathLike[str], names: Sequence[str]) -> str | None:
    paths = [os.path.join(directory, name) for name in names]
    return next((path for path in paths if os.path.exists(path)), None)


def _either(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
