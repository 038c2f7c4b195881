"""One pack of frames and its index, as every process has them open."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mmengine.logging import print_log

from mmaction.datasets.sources.packed_index import (
    INDEX_SUFFIX,
    Fingerprint,
    FrameIndex,
    IndexBuilder,
    PackError,
    load_index,
    save_index,
)
from mmaction.datasets.sources.packed_tar import read_tar, walk_tar
from mmaction.datasets.sources.packed_zip import read_zip, walk_zip
from mmaction.errors import DataError

try:
    import fcntl
except ImportError:  # not on this system: the index may be made by several processes at once
    fcntl = None  # type: ignore[assignment]

_Walk = Callable[[int, int], Iterator[tuple[bytes, int, int]]]
_Read = Callable[[int, int, int, bytes], bytes]

_FORMATS: dict[str, tuple[_Walk, _Read]] = {
    ".zip": (walk_zip, read_zip),
    ".tar": (walk_tar, read_tar),
}
_COMPRESSED_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
# What data_root ends in; the latter are refused with the reason.
PACKED_SUFFIXES = (*_FORMATS, *_COMPRESSED_SUFFIXES)

_PROBED = 1 << 16


class PackFile:
    """A pack, opened when it is first needed. Pickles small: other processes open it themselves.

    Reads name their offset, so processes forked from this one may share what it has open.

    Args:
        path: Of the pack; its suffix says the format.
        own_index: Its index, see :func:`index_of`; None: the one in the file beside the pack.
    """

    def __init__(self, path: str, own_index: tuple[Fingerprint, FrameIndex] | None = None) -> None:
        self.path = path
        self._fd = -1
        self._size = 0
        # Also that which can't be written. Kept when pickled, as making it may take minutes.
        self._own_index = own_index
        self._index: FrameIndex | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "own_index": self._own_index}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    @property
    def index_path(self) -> str:
        """Of the file with the index."""
        return self.path + INDEX_SUFFIX

    @property
    def index(self) -> FrameIndex:
        """Where its files lie; made, and written beside the pack, where that has not been done.

        Raises:
            DataError: The pack is missing, damaged, or not stored as it has to be.
        """
        if self._index is None:
            self._open()
            assert self._index is not None
        return self._index

    def read(self, place: tuple[int, int], name: bytes) -> bytes:
        """A file of the pack.

        Args:
            place: Its offset and size, as the index says.
            name: Its path in the pack, compared with what the pack says there.

        Raises:
            PackError: It is damaged, or the index does not fit the pack.
            OSError: It can't be read.
        """
        offset, size = place
        if not 0 <= offset <= offset + size <= self._size:
            raise PackError(f"bytes {offset} to {offset + size} are not in the pack")
        return _format_of(self.path)[1](self._fd, offset, size, name)

    def _open(self) -> None:
        path = self.path
        if path.endswith(_COMPRESSED_SUFFIXES):
            raise DataError(
                f"pack '{path}' is compressed, so that single frames can't be read: unpack it to a"
                " .tar, or pack the frames by tools/data/pack_frames.py"
            )
        if not path.endswith(tuple(_FORMATS)):
            raise DataError(f"pack '{path}' has to end in {' or '.join(_FORMATS)}")
        if os.path.isdir(path):
            raise DataError(f"pack '{path}' is a directory, named as if it were a file")
        try:
            if self._fd < 0:
                self._fd = os.open(path, os.O_RDONLY)
            fingerprint = take_fingerprint(self._fd)
            self._size = fingerprint.size
            self._index = self._find_index(fingerprint)
        except FileNotFoundError:
            raise DataError(f"pack '{path}' does not exist") from None
        except OSError as error:
            raise DataError(f"pack '{path}' can't be read: {error.strerror}") from None
        except PackError as error:
            raise DataError(f"pack '{path}' {error}") from None

    def _find_index(self, fingerprint: Fingerprint) -> FrameIndex:
        if self._own_index is not None and self._own_index[0] == fingerprint:
            return self._own_index[1]
        index = load_index(self.index_path, fingerprint)
        if index is None:
            with _alone(self.path):
                # Another process may just have made it.
                index = load_index(self.index_path, fingerprint) or self._make_index(fingerprint)
        return index

    def _make_index(self, fingerprint: Fingerprint) -> FrameIndex:
        size = f"{self._size / 1e9:.3g} GB"
        print_log(f"Making the index of '{self.path}' ({size}), which is done once", "current")
        index = build_index(self.path, self._fd, self._size)
        try:
            save_index(self.index_path, index, fingerprint)
        except OSError as error:
            print_log(
                f"'{self.index_path}' can't be written ({error.strerror}):"
                " the index is made again at every start",
                "current",
            )
            self._own_index = fingerprint, index
            return index
        return load_index(self.index_path, fingerprint) or index


def take_fingerprint(fd: int) -> Fingerprint:
    """What tells this pack from others."""
    status = os.fstat(fd)
    checksum = zlib.crc32(os.pread(fd, _PROBED, 0))
    checksum = zlib.crc32(os.pread(fd, _PROBED, max(0, status.st_size - _PROBED)), checksum)
    return Fingerprint(status.st_size, status.st_mtime_ns, checksum)


def index_of(path: str) -> tuple[Fingerprint, FrameIndex]:
    """Go through a pack, whatever lies beside it; see :func:`build_index`."""
    with open(path, "rb") as file:
        fingerprint = take_fingerprint(file.fileno())
        return fingerprint, build_index(path, file.fileno(), fingerprint.size)


def build_index(path: str, fd: int, size: int) -> FrameIndex:
    """Go through a pack of ``size`` bytes, open as ``fd``.

    Raises:
        PackError: It is damaged, or not stored as it has to be.
    """
    walk, _ = _format_of(path)
    builder = IndexBuilder()
    for name, offset, file_size in walk(fd, size):
        builder.add(name, offset, file_size)
    return builder.finish()


def _format_of(path: str) -> tuple[_Walk, _Read]:
    return _FORMATS[os.path.splitext(path)[1]]


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Wait until no other process of this machine is in such a block for the same file."""
    with open(path, "rb") as file:
        if fcntl is not None:
            # Where a file system has no locks several may enter: slower, not wrong.
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
