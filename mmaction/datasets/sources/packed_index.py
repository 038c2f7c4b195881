"""Where the frames of a pack lie, in arrays: 20 bytes a frame, and shared by all processes.

Ten million frames are common; a Python object for each would cost gigabytes in every worker. The
arrays lie in a file beside the pack and are mapped into memory, so that workers share its pages.
"""

from __future__ import annotations

import os
import posixpath
import re
import struct
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import overload

import numpy as np

from mmaction.files import atomic_path

INDEX_SUFFIX = ".index"
ROOT = b"."  # the name of a pack's root among its directories
MOST_BYTES = 1 << 30  # of a frame; larger ones are no pictures

_MAGIC = b"frames' index 1\n"
_NUMBER = re.compile(rb"[0-9]{1,9}(?=[^0-9]*\Z)")
_NUMBER_BITS = 32
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1
_DTYPES = {
    "offsets": "<i8",
    "keys": "<i8",
    "first": "<i8",
    "directory_ends": "<i8",
    "series_ends": "<i8",
    "sizes": "<u4",
    "directory_bytes": "u1",
    "series_bytes": "u1",
}
_HEADER = struct.Struct(f"<16s3q{len(_DTYPES)}q")
_CHECKSUM = struct.Struct("<q")


class PackError(ValueError):
    """What is wrong with a pack, in words that follow its name."""


@dataclass(frozen=True)
class Fingerprint:
    """What tells one pack from another.

    Attributes:
        size: Bytes.
        modified: Time in ns.
        checksum: Of its first and last bytes.
    """

    size: int
    modified: int
    checksum: int


class _Strings(Sequence[bytes]):
    """Sorted byte strings, one after the other in an array."""

    def __init__(self, data: np.ndarray, ends: np.ndarray) -> None:
        self._data, self._ends = data, ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._data[self._ends[index] : self._ends[index + 1]].tobytes()

    def find(self, text: bytes) -> int | None:
        """Its position, None where it is not there."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self[middle] < text:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self[low] == text else None


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """F files in V directories. A file's name is a series and a number, see :func:`split_number`.

    Attributes:
        offsets: int64, F: where in the pack a file's header begins.
        keys: int64, F: ``series << 32 | number``, rising within a directory.
        first: int64, V + 1: the files of directory v are ``first[v]`` to ``first[v + 1]``.
        directory_ends: int64, V + 1: ends of the directories' names, which are sorted.
        series_ends: int64, S + 1: likewise of the series.
        sizes: uint32, F: bytes of each file.
        directory_bytes: uint8: the directories' names, UTF-8; the pack's root is ``.``.
        series_bytes: uint8: likewise of the series.
    """

    offsets: np.ndarray
    keys: np.ndarray
    first: np.ndarray
    directory_ends: np.ndarray
    series_ends: np.ndarray
    sizes: np.ndarray
    directory_bytes: np.ndarray
    series_bytes: np.ndarray

    @property
    def directories(self) -> _Strings:
        """Names of all directories that hold files."""
        return _Strings(self.directory_bytes, self.directory_ends)

    @property
    def series(self) -> _Strings:
        """Names of all series."""
        return _Strings(self.series_bytes, self.series_ends)

    @property
    def only_folder(self) -> str:
        """The directory that all files lie in or below, ``.`` where there is none but the root."""
        directories = self.directories
        first, last = (shown(directories[at]).partition("/")[0] for at in (0, len(directories) - 1))
        return first if first == last else ROOT.decode()

    def find(self, directory: int, file: bytes) -> tuple[int, int] | None:
        """Offset and size of a file in a directory, None where it is not there."""
        name, number = split_number(file)
        series = self.series.find(name)
        if series is None:
            return None
        members = self._members(directory)
        keys = self.keys[members]
        key = series << _NUMBER_BITS | number
        at = int(keys.searchsorted(key))
        if at >= len(keys) or keys[at] != key:
            return None
        return int(self.offsets[members][at]), int(self.sizes[members][at])

    def name(self, at: int) -> bytes:
        """Path in the pack of the file at position ``at`` of the arrays."""
        directory = self.directories[int(self.first.searchsorted(at, "right")) - 1]
        key = int(self.keys[at])
        file = join_number(self.series[key >> _NUMBER_BITS], key & _NUMBER_MASK)
        return file if directory == ROOT else directory + b"/" + file

    def files(self, directory: int) -> list[bytes]:
        """Names of the files in a directory, in the order of the pack's arrays."""
        members = self._members(directory)
        names = {}
        result = []
        for key in self.keys[members].tolist():
            series = key >> _NUMBER_BITS
            if series not in names:
                names[series] = self.series[series]
            result.append(join_number(names[series], _NUMBER_MASK & key))
        return result

    def _members(self, directory: int) -> slice:
        return slice(int(self.first[directory]), int(self.first[directory + 1]))


class IndexBuilder:
    """Collects the files of a pack in any order; 24 bytes each."""

    def __init__(self) -> None:
        self._directory_ids: dict[bytes, int] = {}
        self._series_ids: dict[bytes, int] = {}
        self._directories, self._series, self._numbers = array("i"), array("i"), array("i")
        self._offsets, self._sizes = array("q"), array("I")

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, name: bytes, offset: int, size: int) -> None:
        """One more file: its path in the pack, see :func:`clean_name`, where it is, its bytes.

        Raises:
            PackError: It is too large.
        """
        if size > MOST_BYTES:
            raise PackError(f"'{shown(name)}' has {size} bytes, too many for a frame")
        directory, _, file = name.rpartition(b"/")
        series, number = split_number(file)
        ids = self._directory_ids
        self._directories.append(ids.setdefault(directory or ROOT, len(ids)))
        self._series.append(self._series_ids.setdefault(series, len(self._series_ids)))
        self._numbers.append(number)
        self._offsets.append(offset)
        self._sizes.append(size)

    def finish(self) -> FrameIndex:
        """The index of all files.

        Raises:
            PackError: There is none, or one is there twice.
        """
        if not self._offsets:
            raise PackError("holds no files")
        names, ranks = _ranked(self._directory_ids)
        directories = ranks[np.frombuffer(self._directories, np.int32)]
        series_names, series_ranks = _ranked(self._series_ids)
        series = series_ranks[np.frombuffer(self._series, np.int32)]
        keys = series << _NUMBER_BITS | np.frombuffer(self._numbers, np.int32)
        order = np.lexsort((keys, directories))
        keys, directories = keys[order], directories[order]
        twice = (keys[1:] == keys[:-1]) & (directories[1:] == directories[:-1])
        index = FrameIndex(
            offsets=np.frombuffer(self._offsets, np.int64)[order],
            keys=keys,
            first=np.searchsorted(directories, np.arange(len(names) + 1)),
            directory_ends=_ends(names),
            series_ends=_ends(series_names),
            sizes=np.frombuffer(self._sizes, np.uint32)[order],
            directory_bytes=np.frombuffer(b"".join(names), np.uint8),
            series_bytes=np.frombuffer(b"".join(series_names), np.uint8),
        )
        if twice.any():
            name = index.name(int(twice.argmax()))
            raise PackError(f"holds '{shown(name)}' twice; which one is meant can't be known")
        return index


def clean_name(name: bytes) -> bytes:
    """A file's path in a pack, relative to its root, as ``directory/file``.

    Raises:
        PackError: It leads out of the pack, or is not UTF-8.
    """
    try:
        name.isascii() or name.decode()
    except UnicodeDecodeError:
        raise PackError(f"holds a file whose name is not UTF-8: '{shown(name)}'") from None
    if b"//" not in name and b"./" not in name and not name.startswith(b"/"):
        return name
    clean = posixpath.normpath(name)
    if clean.startswith((b"/", b"../")) or b".." in name.split(b"/"):
        raise PackError(f"holds '{shown(name)}', which leads out of it")
    return clean


def shown(name: bytes) -> str:
    """A name for a message, however odd it is."""
    return name.decode(errors="backslashreplace")


def split_number(file: bytes) -> tuple[bytes, int]:
    """Series and number of a file: ``img_00012.jpg`` is 12 of the series ``img_00000.jpg``.

    The series keeps the number's width, so that both together are the name again.
    """
    match = _NUMBER.search(file)
    if match is None:
        return file, 0
    digits = match[0]
    return file[: match.start()] + b"0" * len(digits) + file[match.end() :], int(digits)


def join_number(series: bytes, number: int) -> bytes:
    """The name of the file that :func:`split_number` took apart."""
    match = _NUMBER.search(series)
    if match is None:
        return series
    digits = b"%0*d" % (len(match[0]), number)
    return series[: match.start()] + digits + series[match.end() :]


def save_index(path: str, index: FrameIndex, fingerprint: Fingerprint) -> None:
    """Write an index file, whole or not at all.

    Raises:
        OSError: It can't be written.
    """
    arrays = {name: np.asarray(getattr(index, name), dtype) for name, dtype in _DTYPES.items()}
    numbers = (fingerprint.size, fingerprint.modified, fingerprint.checksum)
    counts = [len(values) for values in arrays.values()]
    header = _HEADER.pack(_MAGIC, *numbers, *counts)
    checksum = zlib.crc32(header)
    for values in arrays.values():
        checksum = zlib.crc32(values.data, checksum)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(header + _CHECKSUM.pack(checksum))
        for values in arrays.values():
            file.write(values.data)


def load_index(path: str, fingerprint: Fingerprint) -> FrameIndex | None:
    """Map an index file into memory; None where it is missing, damaged or of another pack.

    A pack that was copied has another time, its content proves it; then its index must be no
    older than the copy.
    """
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER.size)
            checksum = file.read(_CHECKSUM.size)
            written = os.fstat(file.fileno()).st_mtime_ns
            if len(checksum) < _CHECKSUM.size:
                return None
            data = np.memmap(file, np.uint8, "r")
    except OSError:
        return None
    magic, size, modified, fingerprint_checksum, *counts = _HEADER.unpack(header)
    if magic != _MAGIC or (size, fingerprint_checksum) != (fingerprint.size, fingerprint.checksum):
        return None
    if modified != fingerprint.modified and written < fingerprint.modified:
        return None
    arrays, start = {}, _HEADER.size + _CHECKSUM.size
    if zlib.crc32(data[start:].data, zlib.crc32(header)) != _CHECKSUM.unpack(checksum)[0]:
        return None
    for (name, dtype), count in zip(_DTYPES.items(), counts, strict=True):
        stop = start + count * np.dtype(dtype).itemsize
        arrays[name] = np.asarray(data[start:stop]).view(dtype)
        start = stop
    return FrameIndex(**arrays)


def _ranked(ids: dict[bytes, int]) -> tuple[list[bytes], np.ndarray]:
    """The names in order, and for each id its name's place in it."""
    names = sorted(ids)
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[[ids[name] for name in names]] = np.arange(len(names))
    return names, ranks


def _ends(names: list[bytes]) -> np.ndarray:
    return np.cumsum([0, *map(len, names)], dtype=np.int64)


assert list(_DTYPES) == [field.name for field in fields(FrameIndex)]
