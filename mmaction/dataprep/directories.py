"""Directories: searched through."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mmaction.errors import DataError


def walk(root: str | os.PathLike[str]) -> Iterator[tuple[str, list[str]]]:
    """A directory and all below it, each with the names of its files, in one order.

    Links are followed, but not to a directory that they lie in. What is hidden is left out.

    Args:
        root: The directory.

    Yields:
        A directory relative to ``root``, ``/`` between parts, ``.`` for ``root`` itself.

    Raises:
        DataError: One can't be read.
    """
    for directory, below, files in os.walk(root, followlinks=True, onerror=_refuse):
        below[:] = [name for name in _visible(below) if not _is_circle(directory, name)]
        yield os.path.relpath(directory, root).replace(os.sep, "/"), _visible(files)


def _visible(names: list[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("."))


def _is_circle(directory: str, name: str) -> bool:
    """Whether a directory in another is a link to one above it: a search would never end."""
    path = os.path.join(directory, name)
    if not os.path.islink(path):
        return False
    real, parent = os.path.realpath(path), os.path.realpath(directory)
    return os.path.commonpath([real, parent]) == real


def _refuse(error: OSError) -> None:
    raise DataError(f"'{error.filename}' can't be read: {error.strerror}")
