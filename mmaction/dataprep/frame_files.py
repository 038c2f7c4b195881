"""The image files below a directory, in one order for good, however many there are."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from mmaction.datasets.sources.frame_names import frame_numbers
from mmaction.errors import DataError

_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_READERS, _BATCH = 8, 32


def walk_files(root: str) -> Iterator[str]:
    """Paths of all files below ``root``, relative to it, directory by directory, sorted.

    Links are followed.

    Raises:
        DataError: A directory that can't be listed, or a link that leads back to where it is in.
    """
    yield from _walk(root, "", {os.path.realpath(root)})


def is_frame(path: str, image_tmpl: str | None) -> bool:
    """Whether a file is a frame: by ``image_tmpl``, or, without one, any image not hidden."""
    file = os.path.basename(path)
    if image_tmpl is not None:
        return bool(frame_numbers([file], image_tmpl))
    return file.lower().endswith(_IMAGE_SUFFIXES) and not file.startswith(".")


def read_files(root: str, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Each path and its file's bytes, in order; several are read at a time.

    Raises:
        DataError: A file can't be read.
    """
    remaining = iter(paths)
    readers = ThreadPoolExecutor(_READERS)
    under_way: deque[Future[list[tuple[str, bytes]]]] = deque()
    try:
        while True:
            while len(under_way) < 2 * _READERS and (batch := list(islice(remaining, _BATCH))):
                under_way.append(readers.submit(_read_batch, root, batch))
            if not under_way:
                return
            yield from under_way.popleft().result()
    finally:
        readers.shutdown(cancel_futures=True)


def read_file(path: str) -> bytes:
    """A whole file.

    Raises:
        DataError: It can't be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError as error:
        raise DataError(f"'{path}' can't be read: {error.strerror}") from None


def _read_batch(root: str, paths: list[str]) -> list[tuple[str, bytes]]:
    return [(path, read_file(os.path.join(root, path))) for path in paths]


def _walk(root: str, below: str, above: set[str]) -> Iterator[str]:
    directory = os.path.join(root, below)
    try:
        with os.scandir(directory) as listing:
            entries = sorted(
                (os.fsencode(e.name), e.name, e.is_dir(), e.is_symlink()) for e in listing
            )
    except OSError as error:
        raise DataError(f"directory '{directory}' can't be read: {error.strerror}") from None
    for _, name, is_directory, is_link in entries:
        path = below + name
        if not is_directory:
            yield path
            continue
        real = os.path.realpath(os.path.join(root, path)) if is_link else f"{directory}/{name}"
        if is_link and real in above:
            raise DataError(f"'{os.path.join(root, path)}' is a link to the directory it lies in")
        yield from _walk(root, path + "/", above | {real})
