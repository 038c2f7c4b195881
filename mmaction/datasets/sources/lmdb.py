"""Raw frames packed into one LMDB file, for file systems that dislike millions of files.

A record a frame: its key is ``<video>/<file name>``, its value four bytes of CRC-32 (little endian)
and then the file's bytes, unchanged. LMDB keeps no checksums of its own: with these a damaged byte
ends in an error that names the frame.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import takewhile
from typing import Any

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.directory import FrameDirectory
from mmaction.errors import ConfigError, DataError

SUFFIX = ".lmdb"
_CHECKSUM_BYTES = 4


class LmdbFrames(FrameDirectory):
    """Frames in a pack made by ``tools/data/pack_frames.py``, which is their ``data_root``."""

    def load(self, path: str) -> bytes:
        key = os.fsencode(os.path.relpath(path, self.data_root))
        with reading(self.data_root) as transaction:
            record = transaction.get(key)
        if record is None:
            raise FileNotFoundError(path)
        return frame_of(record, path)

    def file_names(self, name: str) -> list[str]:
        with reading(self.data_root) as transaction:
            files = list(_below(transaction, name))
        if not files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.file(name))
        return [file for file in files if "/" not in file]

    def missing(self, annotations: AnnotationList, indices: Sequence[int]) -> list[int]:
        with reading(self.data_root) as transaction:
            return [i for i in indices if not any(_below(transaction, annotations.name(i)))]


def _below(transaction: Any, name: str) -> Iterator[str]:
    """Paths of all frames in and below a directory, relative to it."""
    prefix = os.fsencode(os.path.normpath(name)) + b"/"
    cursor = transaction.cursor()
    keys = cursor.iternext(values=False) if cursor.set_range(prefix) else ()
    for key in takewhile(lambda key: key.startswith(prefix), keys):
        yield os.fsdecode(key[len(prefix) :])


def refuse_former_packs(data_root: str) -> None:
    """Says how a ``.zip`` or ``.tar``, as packs once were, becomes a pack of today.

    Raises:
        ConfigError: ``data_root`` is one.
    """
    base, suffix = os.path.splitext(data_root)
    if suffix in (".zip", ".tar"):
        raise ConfigError(
            f"data_root '{data_root}': packs are {SUFFIX} files now; convert it: python -m"
            f" {suffix[1:]}file -e '{data_root}' '{base}' &&"
            f" python tools/data/pack_frames.py '{base}' '{base}{SUFFIX}'"
        )


def record_of(data: bytes) -> bytes:
    """A frame's record: its checksum and its bytes."""
    return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little") + data


def frame_of(record: bytes, path: str) -> bytes:
    """The frame in a record; ``path`` is for the message.

    Raises:
        DataError: It is damaged.
    """
    data = record[_CHECKSUM_BYTES:]
    if zlib.crc32(data) != int.from_bytes(record[:_CHECKSUM_BYTES], "little"):
        raise DataError(f"frame '{path}' is damaged: it fails its checksum")
    return data


def import_lmdb() -> Any:
    """The package, or one line that says how to get it.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import lmdb
    except ImportError:
        raise ConfigError(f"{SUFFIX} packs need the package lmdb: pip install lmdb") from None
    return lmdb


@cache
def _opened(path: str) -> Any:
    """A pack, which LMDB allows to be open once in a process, and in none forked meanwhile."""
    pack = import_lmdb().open(
        path, subdir=False, readonly=True, lock=False, readahead=False, create=False
    )
    size, needed = os.path.getsize(path), used_bytes(pack)
    if size < needed:  # to read behind the file's end would kill the process
        pack.close()
        raise DataError(f"'{path}' is cut short: {size} bytes of {needed}; copy or pack it anew")
    return pack


def close_packs() -> None:
    """Closes what is open in this process: after a file was written anew, or a fork."""
    _opened.cache_clear()


os.register_at_fork(after_in_child=close_packs)


@contextmanager
def reading(path: str) -> Iterator[Any]:
    """A read transaction on a pack, which then stays open in this process.

    Raises:
        DataError: It can't be read, or is cut short.
    """
    lmdb = import_lmdb()
    try:
        with _opened(path).begin() as transaction:
            yield transaction
    except lmdb.Error as error:
        raise DataError(f"'{path}' can't be read as a pack: {error}") from None


def used_bytes(pack: Any) -> int:
    """How large the file has to be that a pack is read from."""
    return (pack.info()["last_pgno"] + 1) * pack.stat()["psize"]
