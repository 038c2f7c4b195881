"""Directories of frames into one LMDB file, and the check that nothing was lost on the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, TextIO

from mmaction.dataprep.frame_files import is_frame, read_file, read_files, walk_files
from mmaction.datasets.sources.frame_names import check_template
from mmaction.datasets.sources.image_decoding import is_cut_short
from mmaction.datasets.sources.lmdb import (
    CHECKSUM_BYTES,
    COMPLETE_KEY,
    SUFFIX,
    checksum,
    close_pack,
    import_lmdb,
)
from mmaction.errors import ConfigError, DataError
from mmaction.files import require_writable
from mmaction.progress import Progress

MOST_KEY_BYTES = 511  # LMDB's own limit
_FIRST_MAP_BYTES = 1 << 28
_FRAMES_A_TRANSACTION = 1024


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
    every = list(walk_files(source))
    paths = [path for path in every if is_frame(path, image_tmpl)]
    if not paths:
        raise DataError(f"'{source}' holds no frames ({len(every)} other files)")
    for path in paths:
        if len(os.fsencode(path)) > MOST_KEY_BYTES:
            raise DataError(f"'{path}': its name is longer than {MOST_KEY_BYTES} bytes")
    close_pack(out)
    with _Pack(out, overwrite=overwrite) as pack:
        with Progress("packing", len(paths), "frames", stream=stream or sys.stderr) as progress:
            empty = pack.add(source, paths, progress)
        pack.keep_only(paths)
        if verify:
            _compare(pack, out, source, paths, stream)
        pack.complete(len(paths))
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
    with _Pack(pack, readonly=True) as opened:
        frames = empty = 0
        for key, value in opened.records():
            data = value[CHECKSUM_BYTES:]
            path = os.path.join(pack, key.decode())
            if value[:CHECKSUM_BYTES] != checksum(data):
                raise DataError(f"frame '{path}' is damaged: it fails its checksum")
            if is_cut_short(data):
                raise DataError(f"frame '{path}' is truncated: it ends before the image does")
            frames, empty = frames + 1, empty + (not data)
        if source is not None:
            paths = [path for path in walk_files(source) if opened.get(path) is not None]
            if len(paths) != frames:
                raise DataError(f"'{pack}' has {frames} frames, '{source}' {len(paths)} of them")
            _compare(opened, pack, source, paths, stream)
    return PackReport(frames, os.path.getsize(pack), empty=empty)


class _Pack:
    """An open pack: writable where it is being made."""

    def __init__(self, path: str, *, overwrite: bool = False, readonly: bool = False) -> None:
        self._lmdb = import_lmdb()
        self._path = path
        self._readonly = readonly
        self._open()
        if readonly and self._value(COMPLETE_KEY) is None:
            self._environment.close()
            raise DataError(f"'{path}' is no pack, or one whose packing was interrupted")
        if not readonly and self._value(COMPLETE_KEY) is not None:
            self._environment.close()
            if not overwrite:
                raise ConfigError(f"'{path}' exists; --overwrite replaces it")
            os.remove(path)
            self._open()

    def _open(self) -> None:
        size = max(_FIRST_MAP_BYTES, os.path.getsize(self._path) if self._exists() else 0)
        kwargs: dict[str, Any] = dict(
            subdir=False, readonly=self._readonly, lock=not self._readonly
        )
        try:
            self._environment = self._lmdb.open(self._path, map_size=size, **kwargs)
        except self._lmdb.Error as error:
            raise DataError(f"'{self._path}' can't be used as a pack: {error}") from None

    def _exists(self) -> bool:
        return os.path.exists(self._path)

    def __enter__(self) -> _Pack:
        return self

    def __exit__(self, *_: object) -> None:
        self._environment.close()
        if not self._readonly:
            with suppress(FileNotFoundError):
                os.remove(f"{self._path}-lock")

    def get(self, path: str) -> bytes | None:
        """A frame's bytes; None where there is none of this path."""
        value = self._value(os.fsencode(path))
        return None if value is None else value[CHECKSUM_BYTES:]

    def _value(self, key: bytes) -> bytes | None:
        with self._environment.begin() as transaction:
            return transaction.get(key)

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of all frames."""
        with self._environment.begin() as transaction:
            yield from (item for item in transaction.cursor() if item[0] != COMPLETE_KEY)

    def add(self, source: str, paths: Sequence[str], progress: Progress) -> int:
        """Writes what is not there yet, and returns how many frames are empty."""
        there, empty = set(), 0
        for path in paths:
            data = self.get(path)
            if data is not None:
                there.add(path)
                empty += not data
        files = read_files(source, (path for path in paths if path not in there))
        for _ in there:
            progress.advance()
        while batch := list(islice(files, _FRAMES_A_TRANSACTION)):
            self._put([(os.fsencode(p), checksum(data) + data) for p, data in batch])
            for _, data in batch:
                empty += not data
                progress.advance()
        return empty

    def keep_only(self, paths: Sequence[str]) -> None:
        """Deletes what an interrupted packing has left of files that are gone."""
        kept = set(map(os.fsencode, paths))
        with self._environment.begin(write=True) as transaction:
            for key in [k for k in transaction.cursor().iternext(values=False) if k not in kept]:
                transaction.delete(key)

    def complete(self, frames: int) -> None:
        """Marks the pack as usable."""
        self._put([(COMPLETE_KEY, str(frames).encode())])
        self._environment.sync(True)

    def _put(self, items: list[tuple[bytes, bytes]]) -> None:
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, value in items:
                        transaction.put(key, value)
                return
            except self._lmdb.MapFullError:  # nothing of the transaction was kept
                self._environment.set_mapsize(2 * self._environment.info()["map_size"])
            except self._lmdb.Error as error:
                raise DataError(f"'{self._path}' can't be written: {error}") from None


def _compare(pack: _Pack, out: str, source: str, paths: list[str], stream: TextIO | None) -> None:
    with Progress("verifying", len(paths), "files", stream=stream or sys.stderr) as progress:
        for path in paths:
            found = pack.get(path)
            if found != read_file(os.path.join(source, path)):
                what = "is missing" if found is None else "differs"
                raise DataError(
                    f"'{out}': {path} {what}, beside its file in '{source}';"
                    " delete the pack and make it anew"
                )
            progress.advance()
