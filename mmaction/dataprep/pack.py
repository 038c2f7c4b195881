"""Directories of frames into one LMDB file, and the check that nothing was lost on the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from mmaction.dataprep.directories import walk
from mmaction.datasets.sources.image_files import IMAGE_SUFFIXES
from mmaction.datasets.sources.lmdb import (
    SUFFIX,
    close_packs,
    frame_of,
    import_lmdb,
    reading,
    record_of,
    used_bytes,
)
from mmaction.errors import ConfigError, DataError
from mmaction.files import atomic_path, remove_parts, require_writable
from mmaction.progress import Progress

MOST_KEY_BYTES = 511  # LMDB's own limit
_FIRST_MAP_BYTES = 1 << 28
_FRAMES_A_TRANSACTION = 1024
_READERS = 8


def pack_frames(source: str, out: str, *, overwrite: bool = False) -> int:
    """Pack all images below a directory, then read the pack with :func:`verify_pack`.

    Packing that is interrupted leaves no pack.

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
    if os.path.exists(out) and not overwrite:
        raise ConfigError(f"'{out}' exists; --overwrite replaces it")
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
    lmdb = import_lmdb()
    directory, name = os.path.split(os.path.abspath(out))
    require_writable(directory, name="OUT")
    remove_parts(Path(directory), name)
    try:
        with atomic_path(out) as part:
            options = dict(subdir=False, lock=False, map_size=_FIRST_MAP_BYTES)
            with closing(lmdb.open(os.fspath(part), **options)) as pack:
                _write(pack, source, paths)
                size = used_bytes(pack)
            if part.stat().st_size < size:
                os.truncate(part, size)  # pages not in use at its end; a reader expects them
    except (lmdb.Error, OSError) as error:
        raise DataError(f"'{out}' can't be written as a pack: {error}") from None
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
        frames: int = transaction.stat()["entries"]
        with Progress("verifying", frames, "frames", stream=sys.stderr) as progress:
            for key, record in transaction.cursor():
                frame_of(record, os.path.join(path, os.fsdecode(key)))
                progress.advance()
    close_packs()
    return frames


def _write(pack: Any, source: str, paths: Sequence[str]) -> None:
    with (
        Progress("packing", len(paths), "frames", stream=sys.stderr) as progress,
        ThreadPoolExecutor(_READERS) as readers,
    ):
        for first in range(0, len(paths), _FRAMES_A_TRANSACTION):
            batch = paths[first : first + _FRAMES_A_TRANSACTION]
            files = readers.map(lambda path: Path(source, path).read_bytes(), batch)
            _put(pack, list(zip(map(os.fsencode, batch), map(record_of, files), strict=True)))
            progress.advance(len(batch))


def _put(pack: Any, records: Sequence[tuple[bytes, bytes]]) -> None:
    """Writes all records in one transaction; the map grows until it holds them."""
    while True:
        try:
            with pack.begin(write=True) as transaction:
                transaction.cursor().putmulti(records)
            return
        except import_lmdb().MapFullError:  # nothing of the transaction was kept
            pack.set_mapsize(2 * pack.info()["map_size"])
