"""Directories of frames into one LMDB file, and the check that nothing was lost on the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from mmaction.dataprep.directories import walk
from mmaction.datasets.sources.image_files import IMAGE_SUFFIXES
from mmaction.datasets.sources.lmdb import (
    COMPLETE_KEY,
    SUFFIX,
    close_packs,
    frame_of,
    import_lmdb,
    is_complete,
    reading,
    record_of,
    used_bytes,
)
from mmaction.errors import ConfigError, DataError
from mmaction.files import require_writable
from mmaction.progress import Progress

MOST_KEY_BYTES = 511  # LMDB's own limit
_FIRST_MAP_BYTES = 1 << 28
_FRAMES_A_TRANSACTION = 1024
_READERS = 8


def pack_frames(source: str, out: str, *, overwrite: bool = False) -> int:
    """Pack all images below a directory, then read the pack with :func:`verify_pack`.

    Until it is complete, the pack can't be used as data; packing that was interrupted goes on
    where it stood.

    Args:
        source: Directory of the videos' directories.
        out: The ``.lmdb`` file to make.
        overwrite: Make ``out`` anew where it is there.

    Returns:
        The number of frames.

    Raises:
        ConfigError: ``out`` can't be right, or lmdb is not installed.
        DataError: ``source`` holds no frames, unreadable ones or too long names, or ``out`` can't
            be written.
    """
    if not out.endswith(SUFFIX):
        raise ConfigError(f"OUT '{out}' has to end in {SUFFIX}")
    paths = [
        os.path.normpath(os.path.join(directory, file))
        for directory, _, files in walk(source)
        for file in files
        if file.lower().endswith(IMAGE_SUFFIXES)
    ]
    if not paths:
        raise DataError(f"'{source}' holds no frames ({', '.join(IMAGE_SUFFIXES)})")
    for path in paths:
        if len(os.fsencode(path)) > MOST_KEY_BYTES:
            raise DataError(f"'{path}': its name is longer than {MOST_KEY_BYTES} bytes")
    require_writable(os.path.dirname(os.path.abspath(out)), name="OUT")
    if overwrite:
        Path(out).unlink(missing_ok=True)
    lmdb = import_lmdb()
    close_packs()
    try:
        with closing(lmdb.open(out, subdir=False, map_size=_FIRST_MAP_BYTES)) as pack:
            if is_complete(pack):
                raise ConfigError(f"'{out}' exists; --overwrite replaces it")
            _add(pack, source, paths)
            _write(pack, {COMPLETE_KEY: b""})
            size = used_bytes(pack)
    except lmdb.Error as error:
        raise DataError(f"'{out}' can't be written as a pack: {error}") from None
    finally:
        Path(f"{out}-lock").unlink(missing_ok=True)
    if os.path.getsize(out) < size:
        os.truncate(out, size)  # pages not in use at its end; a reader expects them
    return verify_pack(out)


def verify_pack(path: str) -> int:
    """Read a whole pack and compare each frame with its checksum.

    Returns:
        The number of frames.

    Raises:
        DataError: The pack can't be used, or a frame is damaged.
    """
    close_packs()
    with reading(path) as transaction:
        frames = transaction.stat()["entries"] - 1
        with Progress("verifying", frames, "frames", stream=sys.stderr) as progress:
            for key, record in transaction.cursor():
                if key != COMPLETE_KEY:
                    frame_of(record, os.path.join(path, os.fsdecode(key)))
                    progress.advance()
    close_packs()
    return frames


def _add(pack: Any, source: str, paths: Sequence[str]) -> None:
    """Writes all frames that are not there as they are; deletes those whose files are gone."""
    keys = [os.fsencode(path) for path in paths]
    with pack.begin() as transaction:
        others = set(transaction.cursor().iternext(values=False)).difference(keys)
    _write(pack, dict.fromkeys(others))
    with (
        Progress("packing", len(paths), "frames", stream=sys.stderr) as progress,
        ThreadPoolExecutor(_READERS) as readers,
    ):
        for first in range(0, len(paths), _FRAMES_A_TRANSACTION):
            batch = slice(first, first + _FRAMES_A_TRANSACTION)
            records = readers.map(partial(_record, source), paths[batch])
            _write(pack, dict(zip(keys[batch], records, strict=True)))
            progress.advance(len(paths[batch]))


def _write(pack: Any, records: Mapping[bytes, bytes | None]) -> None:
    """Writes records, or deletes those that are None, in one transaction."""
    while True:
        try:
            with pack.begin(write=True) as transaction:
                for key, record in records.items():
                    if record is None:
                        transaction.delete(key)
                    elif transaction.get(key) != record:
                        transaction.put(key, record)
            return
        except import_lmdb().MapFullError:  # nothing of the transaction was kept
            pack.set_mapsize(2 * pack.info()["map_size"])


def _record(root: str, path: str) -> bytes:
    try:
        return record_of(Path(root, path).read_bytes())
    except OSError as error:
        raise DataError(f"'{os.path.join(root, path)}' can't be read: {error.strerror}") from None
