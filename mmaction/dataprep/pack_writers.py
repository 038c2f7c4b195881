"""Writers of archives whose bytes follow from names and contents alone, however many files.

Dates are those of the formats' beginnings, owners are nobody; nothing of a file stays in memory.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zlib
from abc import ABC, abstractmethod
from types import TracebackType
from typing import BinaryIO

from mmaction.datasets.sources import packed_zip as z
from mmaction.datasets.sources.packed_tar import BLOCK

_READABLE = 0o644
_TAR_RECORD = 20 * BLOCK
_FIRST_DAY = 1 << 5 | 1  # 1980-01-01, as zip says it
_UTF8_NAME = 1 << 11
_VERSION, _VERSION_ZIP64 = 20, 45
_UNIX = 3 << 8


class PackWriter(ABC):
    """Writes files into an archive one after the other; the block's end completes it.

    Args:
        file: The archive, empty.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()

    @staticmethod
    @abstractmethod
    def room(name: bytes, size: int) -> int:
        """Bytes of disk that a file of this name and size takes at most while packing."""

    @abstractmethod
    def add(self, name: bytes, data: bytes) -> None:
        """One more file. ``name``: UTF-8, relative."""

    @abstractmethod
    def _finish(self) -> None: ...

    def _write(self, *parts: bytes) -> None:
        for part in parts:
            self._file.write(part)
            self._position += len(part)


class ZipWriter(PackWriter):
    """A zip archive of stored files."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        folder = os.path.dirname(os.path.abspath(file.name))
        self._directory = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by __exit__)
        self._count = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        with self._directory:
            super().__exit__(kind, error, _)

    @staticmethod
    def room(name: bytes, size: int) -> int:
        """See :class:`PackWriter`; the directory is written twice."""
        return size + z.HEADER.size + len(name) + 2 * (z.ENTRY.size + len(name) + 12)

    def add(self, name: bytes, data: bytes) -> None:
        """See :class:`PackWriter`."""
        offset, extra = self._position, b""
        if offset >= z.FULL32:
            extra = z.ZIP64_FIELD.to_bytes(2, "little") + b"\x08\0" + offset.to_bytes(8, "little")
        version = _VERSION_ZIP64 if extra else _VERSION
        about = (_UTF8_NAME, 0, 0, _FIRST_DAY, zlib.crc32(data), len(data), len(data), len(name))
        self._write(z.HEADER.pack(z.HEADER_START, _VERSION, *about, 0), name, data)
        self._directory.write(
            z.ENTRY.pack(
                *(z.ENTRY_START, _UNIX | version, version, *about, len(extra), 0, 0, 0),
                *((0o100000 | _READABLE) << 16, min(offset, z.FULL32)),
            )
            + name
            + extra
        )
        self._count += 1

    def _finish(self) -> None:
        start, length, count = self._position, self._directory.tell(), self._count
        self._directory.seek(0)
        shutil.copyfileobj(self._directory, self._file, 1 << 20)
        self._position += length
        if count >= z.FULL16 or start + length >= z.FULL32:
            where = self._position
            numbers = (_UNIX | _VERSION_ZIP64, _VERSION_ZIP64, 0, 0, count, count, length, start)
            self._write(
                z.END64.pack(z.END64_START, z.END64.size - 12, *numbers),
                z.END64_LOCATOR.pack(z.END64_LOCATOR_START, 0, where, 1),
            )
        count = min(count, z.FULL16)
        ends = (count, count, min(length, z.FULL32), min(start, z.FULL32))
        self._write(z.END.pack(z.END_START, 0, 0, *ends, 0))


class TarWriter(PackWriter):
    """A tar archive, in GNU's format where a name is long."""

    @staticmethod
    def room(name: bytes, size: int) -> int:
        """See :class:`PackWriter`."""
        return size + 4 * BLOCK + len(name)

    def add(self, name: bytes, data: bytes) -> None:
        """See :class:`PackWriter`."""
        info = tarfile.TarInfo(name.decode())
        info.size, info.mode = len(data), _READABLE
        self._write(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict"), data)
        self._write(bytes(-self._position % BLOCK))

    def _finish(self) -> None:
        self._write(bytes(2 * BLOCK))
        self._write(bytes(-self._position % _TAR_RECORD))


WRITERS: dict[str, type[PackWriter]] = {".zip": ZipWriter, ".tar": TarWriter}
