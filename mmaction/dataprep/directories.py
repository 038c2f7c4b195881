"""Directories: searched through, and written as a whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmaction.errors import DataError


def walk(root: str | os.PathLike[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """A directory and all below it, as ``os.walk`` gives them, in one order.

    Links are followed, but not to a directory that they lie in. What is hidden is left out.

    Args:
        root: The directory.

    Yields:
        A directory relative to ``root``, ``/`` between parts, ``.`` for ``root`` itself; the names
        of the directories in it, and of its files.

    Raises:
        DataError: One can't be read.
    """
    for directory, below, files in os.walk(root, followlinks=True, onerror=_refuse):
        below[:] = [name for name in _visible(below) if not _is_circle(directory, name)]
        yield os.path.relpath(directory, root).replace(os.sep, "/"), below, _visible(files)


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


@contextmanager
def whole_directory(target: Path, *, drafts: Path) -> Iterator[Path]:
    """A new directory to fill, which takes the place of ``target`` if the block ends well.

    Args:
        target: What is there is replaced; directories above it are made.
        drafts: A directory on the same file system, in which the new one is made.
    """
    drafts.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=drafts) as folder:
        draft = Path(folder, "new")
        draft.mkdir()
        yield draft
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.rename(Path(folder, "old"))
        draft.rename(target)
