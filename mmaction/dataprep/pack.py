"""Directories of frames into one LMDB file, and the check that nothing was lost on the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

from mmaction.datasets.sources.frame_names import check_template, frame_numbers, template_of
from mmaction.datasets.sources.image_decoding import is_cut_short
from mmaction.datasets.sources.lmdb import (
    COMPLETE_KEY,
    SUFFIX,
    close_pack,
    frame_of,
    import_lmdb,
    reading,
    record_of,
)
from mmaction.errors import ConfigError, DataError
from mmaction.files import require_writable
from mmaction.progress import Progress

MOST_KEY_BYTES = 511  # LMDB's own limit
_FIRST_MAP_BYTES = 1 << 28
_FRAMES_A_TRANSACTION = 1024
_READERS = 8
_IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


@dataclass(frozen=True)
class PackReport:
    """What a pack holds.

    Attributes:
        frames: Their number.
        size: Bytes of the pack.
        left_out: Number of files of the source that are no frames.
        empty: Number of frames of zero bytes, packed as they are.
    """

    frames: int
    size: int
    left_out: int = 0
    empty: int = 0


def pack_frames(
    source: str,
    out: str,
    *,
    image_tmpl: str | None = None,
    overwrite: bool = False,
    verify: bool = True,
    stream: TextIO | None = None,
) -> PackReport:
    """Pack all frames below a directory.

    Until it is complete and, with ``verify``, compared, the pack can't be used as data; packing
    that was interrupted goes on where it stood.

    Args:
        source: Directory of the videos' directories.
        out: The ``.lmdb`` file to make.
        image_tmpl: Pack only the files named so, such as ``img_{:05d}.jpg``; None: all images.
        overwrite: Replace ``out`` where it is complete.
        verify: Read the pack back and compare each frame with its file, byte by byte.
        stream: Where progress goes; None: stderr.

    Raises:
        ConfigError: ``out`` or ``image_tmpl`` can't be right, or lmdb is not installed.
        DataError: ``source`` holds no frames, unreadable ones or too long names, or the pack is
            not what was written.
    """
    if not out.endswith(SUFFIX):
        raise ConfigError(f"OUT '{out}' has to end in {SUFFIX}")
    if os.path.isdir(out):
        raise ConfigError(f"OUT '{out}' is a directory")
    if not os.path.isdir(source):
        raise DataError(f"'{source}' is not a directory")
    if image_tmpl is not None:
        check_template(image_tmpl)
    require_writable(os.path.dirname(os.path.abspath(out)), name="OUT")
    every = list(_files(source))
    paths = [path for path in every if _is_frame(path, image_tmpl)]
    if not paths:
        raise DataError(f"'{source}' holds no frames ({len(every)} other files)")
    for path in paths:
        if len(os.fsencode(path)) > MOST_KEY_BYTES:
            raise DataError(f"'{path}': its name is longer than {MOST_KEY_BYTES} bytes")
    with _writing(out, overwrite=overwrite) as pack:
        _add(pack, source, paths, stream)
        with pack.begin(buffers=True) as transaction:  # a record's length without its bytes
            if verify:
                _compare(transaction, out, source, paths, stream)
            empty = sum(len(transaction.get(os.fsencode(p))) == len(record_of(b"")) for p in paths)
        _write(pack, [(COMPLETE_KEY, b"")])
        pack.sync(True)
        size = (pack.info()["last_pgno"] + 1) * pack.stat()["psize"]
    if os.path.getsize(out) < size:
        os.truncate(out, size)  # pages not in use at its end; a reader expects them
    size = os.path.getsize(out)
    return PackReport(len(paths), size, left_out=len(every) - len(paths), empty=empty)


def verify_pack(
    pack: str, source: str | None = None, *, stream: TextIO | None = None
) -> PackReport:
    """Read a whole pack: compare it with ``source``, or, without one, with its own checksums.

    Raises:
        DataError: The pack can't be used, or a frame is damaged, differs, or is missing.
    """
    if not os.path.isfile(pack):
        raise DataError(f"'{pack}' does not exist")
    close_pack(pack)
    frames = empty = 0
    with reading(pack) as transaction:
        for key, record in transaction.cursor():
            if key == COMPLETE_KEY:
                continue
            path = os.path.join(pack, os.fsdecode(key))
            data = frame_of(record, path)
            if is_cut_short(data):
                raise DataError(f"frame '{path}' is truncated: it ends before the image does")
            frames, empty = frames + 1, empty + (not data)
        if source is not None:
            cursor = transaction.cursor()
            paths = [path for path in _files(source) if cursor.set_key(os.fsencode(path))]
            if len(paths) != frames:
                raise DataError(f"'{pack}' has {frames} frames, '{source}' {len(paths)} of them")
            _compare(transaction, pack, source, paths, stream)
    return PackReport(frames, os.path.getsize(pack), empty=empty)


@contextmanager
def _writing(path: str, *, overwrite: bool) -> Iterator[Any]:
    """A pack to be made, or to go on with."""
    lmdb = import_lmdb()
    close_pack(path)
    size = max(_FIRST_MAP_BYTES, os.path.getsize(path) if os.path.exists(path) else 0)
    try:
        pack = lmdb.open(path, subdir=False, map_size=size)
        with pack.begin() as transaction:
            complete = transaction.get(COMPLETE_KEY) is not None
        if complete and overwrite:
            pack.close()
            os.remove(path)
            pack = lmdb.open(path, subdir=False, map_size=_FIRST_MAP_BYTES)
        try:
            if complete and not overwrite:
                raise ConfigError(f"'{path}' exists; --overwrite replaces it")
            yield pack
        finally:
            pack.close()
            with suppress(FileNotFoundError):
                os.remove(f"{path}-lock")
    except lmdb.Error as error:
        raise DataError(f"'{path}' can't be written as a pack: {error}") from None


def _add(pack: Any, source: str, paths: Sequence[str], stream: TextIO | None) -> None:
    """Writes what is not there yet; deletes what an interrupted packing has left of lost files."""
    with pack.begin() as transaction:
        there = {os.fsdecode(key) for key in transaction.cursor().iternext(values=False)}
    _write(pack, [(os.fsencode(path), None) for path in there.difference(paths)])
    with (
        Progress("packing", len(paths), "frames", stream=stream or sys.stderr) as progress,
        ThreadPoolExecutor(_READERS) as readers,
    ):
        for first in range(0, len(paths), _FRAMES_A_TRANSACTION):
            batch = paths[first : first + _FRAMES_A_TRANSACTION]
            new = [path for path in batch if path not in there]
            records = map(record_of, readers.map(partial(_read, source), new))
            _write(pack, list(zip(map(os.fsencode, new), records, strict=True)))
            for _ in batch:
                progress.advance()


def _write(pack: Any, items: Sequence[tuple[bytes, bytes | None]]) -> None:
    """Writes records, or deletes those that are None, in one transaction."""
    while True:
        try:
            with pack.begin(write=True) as transaction:
                for key, record in items:
                    if record is None:
                        transaction.delete(key)
                    else:
                        transaction.put(key, record)
            return
        except import_lmdb().MapFullError:  # nothing of the transaction was kept
            pack.set_mapsize(2 * pack.info()["map_size"])


def _compare(
    transaction: Any, out: str, source: str, paths: Sequence[str], stream: TextIO | None
) -> None:
    with Progress("verifying", len(paths), "files", stream=stream or sys.stderr) as progress:
        for path in paths:
            if transaction.get(os.fsencode(path)) != record_of(_read(source, path)):
                raise DataError(
                    f"'{out}': {path} differs from its file in '{source}';"
                    " delete the pack and make it anew"
                )
            progress.advance()


def _files(root: str) -> Iterator[str]:
    """Paths of all files below ``root``, relative to it, in one order; links are followed."""

    def fail(error: OSError) -> None:
        raise DataError(f"directory '{error.filename}' can't be read: {error.strerror}")

    for directory, below, files in os.walk(root, followlinks=True, onerror=fail):
        inside = os.path.join(os.path.realpath(directory), "")
        for name in below:
            path = os.path.join(directory, name)
            if os.path.islink(path) and inside.startswith(os.path.join(os.path.realpath(path), "")):
                raise DataError(f"'{path}' is a link to the directory it lies in")
        below.sort()
        for name in sorted(files):
            yield os.path.relpath(os.path.join(directory, name), root)


def _is_frame(path: str, image_tmpl: str | None) -> bool:
    """By ``image_tmpl``, or, without one, any image not hidden."""
    file = os.path.basename(path)
    if image_tmpl is not None:
        return bool(frame_numbers([file], template_of(image_tmpl, os.path.dirname(path))))
    return file.lower().endswith(_IMAGE_SUFFIXES) and not file.startswith(".")


def _read(root: str, path: str) -> bytes:
    try:
        with open(os.path.join(root, path), "rb", buffering=0) as file:
            return file.read()
    except OSError as error:
        raise DataError(f"'{os.path.join(root, path)}' can't be read: {error.strerror}") from None
