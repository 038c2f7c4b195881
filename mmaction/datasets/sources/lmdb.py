"""Raw frames packed into one LMDB file, for file systems that dislike millions of files.

A record a frame: its key is ``<video>/<file name>``, its value four bytes of CRC-32 (little endian)
and then the file's bytes, unchanged. LMDB keeps no checksums of its own: with these a damaged byte
ends in an error that names the frame.
"""

from __future__ import annotations

import os
import posixpath
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.base import ImageSource
from mmaction.datasets.sources.frame_names import check_template, find_naming
from mmaction.errors import ConfigError, DataError

SUFFIX = ".lmdb"
COMPLETE_KEY = b"\0complete"  # its record is written last
_CHECKSUM_BYTES = 4
_FORMER_SUFFIXES = (".zip", ".tar")


class LmdbFrames(ImageSource):
    """Frames in a pack made by ``tools/data/pack_frames.py``.

    Args:
        data_root: The ``.lmdb`` file.
        image_tmpl: File name of a frame, such as ``img_{:05d}.jpg``.
        start_index: The number of the first frame.
    """

    def __init__(self, data_root: str, *, image_tmpl: str, start_index: int) -> None:
        self.data_root = data_root
        self.image_tmpl = image_tmpl
        self.start_index = start_index

    def path(self, name: str, position: int) -> str:
        return os.path.join(self.data_root, os.fsdecode(self._key(name, position)))

    def read(self, name: str, position: int) -> bytes:
        with reading(self.data_root) as transaction:
            value = transaction.get(self._key(name, position))
        if value is None and self.has_other_suffix(name):
            return self.read(name, position)
        if value is None:
            raise DataError(self.what_is_there(name, position))
        path = self.path(name, position)
        data = frame_of(value, path)
        if not data:
            raise DataError(f"frame '{path}' is empty (zero bytes)")
        return data

    def file_names(self, name: str) -> list[str]:
        prefix = _directory(name)
        with reading(self.data_root) as transaction:
            cursor = transaction.cursor()
            found = []
            if cursor.set_range(prefix):
                for key in cursor.iternext(values=False):
                    if not key.startswith(prefix):
                        break
                    found.append(os.fsdecode(key[len(prefix) :]))
        return [file for file in found if "/" not in file]

    def missing(self, annotations: AnnotationList, indices: Sequence[int]) -> list[int]:
        missing = []
        with reading(self.data_root) as transaction:
            cursor = transaction.cursor()
            for index in indices:
                prefix = _directory(annotations.name(index))
                if not cursor.set_range(prefix) or not cursor.key().startswith(prefix):
                    missing.append(index)
        return missing

    def _key(self, name: str, position: int) -> bytes:
        return _directory(name) + self.template(name).format(position + self.start_index).encode()


def find_lmdb_frames(
    data_root: str | os.PathLike[str],
    name: str,
    *,
    image_tmpl: str | None = None,
    start_index: int | None = None,
) -> LmdbFrames:
    """Find out how the frames in a pack are named by looking at one video, and check what is given.

    Args:
        data_root: The ``.lmdb`` file.
        name: The video to look at.
        image_tmpl: Name of a frame such as ``{:05d}.jpg``; None: found out.
        start_index: Number of the first frame; None: found out, 0 or 1.

    Raises:
        ConfigError: ``image_tmpl`` is no template, or the package lmdb is not installed.
        DataError: The pack can't be used, has not the video, or no frames of that name or number.
    """
    if image_tmpl is not None:
        check_template(image_tmpl)
    data_root = os.fspath(data_root)
    source = LmdbFrames(data_root, image_tmpl="", start_index=0)
    files = source.file_names(name)
    directory = os.path.join(data_root, posixpath.normpath(name))
    if not files:
        raise DataError(f"frame directory '{directory}' does not exist")
    source.image_tmpl, source.start_index = find_naming(
        directory, files, image_tmpl=image_tmpl, start_index=start_index
    )
    return source


def refuse_former_packs(data_root: str) -> None:
    """Says how a ``.zip`` or ``.tar``, as packs once were, becomes a pack of today.

    Raises:
        ConfigError: ``data_root`` is one.
    """
    base, suffix = os.path.splitext(data_root)
    if suffix in _FORMER_SUFFIXES:
        unpack = "unzip -q -d" if suffix == ".zip" else "tar -x -C"
        archive = f"'{data_root}'" if suffix == ".zip" else f"-f '{data_root}'"
        raise ConfigError(
            f"data_root '{data_root}': packs are .lmdb files now; convert it: mkdir -p '{base}' &&"
            f" {unpack} '{base}' {archive} &&"
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


def _directory(name: str) -> bytes:
    return os.fsencode(posixpath.normpath(name)) + b"/"


# LMDB allows a file to be open once in a process, and in none that was forked meanwhile: by path,
# the process that opened it and its handle.
_open: dict[str, tuple[int, Any]] = {}


@contextmanager
def reading(path: str) -> Iterator[Any]:
    """A read transaction on a complete pack, which then stays open in this process.

    Raises:
        DataError: It can't be read, or is not complete.
    """
    lmdb = import_lmdb()
    try:
        process, environment = _open.get(path, (0, None))
        if process != os.getpid():
            if environment is not None:
                environment.close()  # as it came by a fork
                del _open[path]
            environment = lmdb.open(
                path, subdir=False, readonly=True, lock=False, readahead=False, create=False
            )
            _require_complete(environment, path)
            _open[path] = os.getpid(), environment
        with environment.begin() as transaction:
            yield transaction
    except lmdb.Error as error:
        raise DataError(f"'{path}' can't be read as a pack: {error}") from None


def _require_complete(environment: Any, path: str) -> None:
    # To read behind the end of a file that was cut short would kill the process.
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if (size := os.path.getsize(path)) < needed:
        environment.close()
        raise DataError(f"'{path}' is cut short: {size} bytes of {needed}; copy or pack it anew")
    with environment.begin() as transaction:
        complete = transaction.get(COMPLETE_KEY) is not None
    if not complete:
        environment.close()
        raise DataError(
            f"'{path}' is no pack, or one whose packing was interrupted: the same"
            " tools/data/pack_frames.py command goes on with it"
        )


def close_pack(path: str) -> None:
    """Closes this process's handle, where there is one: before the file is written anew."""
    process, environment = _open.pop(path, (0, None))
    if process == os.getpid():
        environment.close()
