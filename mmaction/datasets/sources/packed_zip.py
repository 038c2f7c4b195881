"""Zip archives of stored files, zip64 included: a walk through all of them, and one read.

Python's own zipfile keeps an object for each file, which millions of frames don't allow.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator

from mmaction.datasets.sources.packed_index import PackError, clean_name, shown

HEADER = struct.Struct("<4s5H3I2H")  # before each file
ENTRY = struct.Struct("<4s6H3I5H2I")  # of each file, in the directory at the end
_ENTRY_NUMBERS = struct.Struct("<4xH2x2H8x2I2H6x2I")  # those of an entry that matter here
END = struct.Struct("<4s4H2IH")
END64 = struct.Struct("<4sQ2H2I4Q")
END64_LOCATOR = struct.Struct("<4sIQI")
HEADER_START, ENTRY_START, END_START = b"PK\3\4", b"PK\1\2", b"PK\5\6"
END64_START, END64_LOCATOR_START = b"PK\6\6", b"PK\6\7"
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF  # the number is elsewhere, with 64 bits
ZIP64_FIELD = 1

_DESCRIPTOR_START = b"PK\7\x08"
_ENCRYPTED, _CRC_FOLLOWS = 0x1, 0x8
_CHUNK = 1 << 22
# What writers put between a file's header and the file; more costs a second read.
_EXTRA_ROOM = 64


def walk_zip(fd: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, offset of the header and bytes of every file, in the order of the archive's directory.

    Args:
        fd: The archive.
        size: Its bytes.

    Raises:
        PackError: It is damaged, or has files that are not simply stored.
    """
    position, stop, count = _find_directory(fd, size)
    directory_start = position
    buffer, used = b"", 0
    for _ in range(count):
        while (length := _entry_length(buffer, used)) is None:
            chunk = os.pread(fd, min(_CHUNK, stop - position), position)
            if not chunk:
                raise PackError("is damaged: its directory ends too early")
            buffer, used = buffer[used:] + chunk, 0
            position += len(chunk)
        entry = _parse_entry(buffer, used)
        if entry is not None:
            name, offset, file_size = entry
            if offset + HEADER.size + file_size > directory_start:
                raise PackError(f"is damaged: '{shown(name)}' would lie outside of it")
            yield entry
        used += length
    if position != stop or used != len(buffer):
        raise PackError("is damaged: its directory goes on after its last entry")


def read_zip(fd: int, offset: int, size: int, name: bytes) -> bytes:
    """One file, its name and checksum compared.

    Raises:
        PackError: Another file or none is there, or it is damaged.
        OSError: It can't be read.
    """
    block = os.pread(fd, HEADER.size + len(name) + size + _EXTRA_ROOM, offset)
    if len(block) < HEADER.size or not block.startswith(HEADER_START):
        raise PackError(f"no file begins at byte {offset} of the pack")
    _, _, flags, method, _, _, crc, packed, _, name_size, extra_size = HEADER.unpack_from(block)
    start = HEADER.size + name_size + extra_size
    stop = start + size
    if len(block) < stop + 8:
        block = os.pread(fd, stop + 8, offset)
    stored = block[HEADER.size : HEADER.size + name_size]
    if stored != name and clean_name(stored) != name:
        raise PackError(f"'{shown(stored)}' is in its place at byte {offset} of the pack")
    data = block[start:stop]
    if flags & _CRC_FOLLOWS:
        start_of_crc = stop + 4 * block.startswith(_DESCRIPTOR_START, stop)
        crc = int.from_bytes(block[start_of_crc : start_of_crc + 4], "little")
    elif packed not in (size, FULL32):
        raise PackError(f"it has {packed} bytes in place of {size}")
    if method or flags & _ENCRYPTED or len(data) != size or zlib.crc32(data) != crc:
        raise PackError(f"its bytes are damaged, at byte {offset} of the pack (CRC)")
    return data


def _find_directory(fd: int, size: int) -> tuple[int, int, int]:
    """Where the directory of all files begins and ends, and how many entries it has."""
    tail_start = max(0, size - END.size - FULL16)
    tail = os.pread(fd, size - tail_start, tail_start)
    at = tail.rfind(END_START)
    while at >= 0 and (at + END.size > len(tail) or _end_of(tail, at) != len(tail)):
        at = tail.rfind(END_START, 0, at)
    if at < 0:
        raise PackError("is no zip file, or cut short: it has no directory at its end")
    _, disk, first_disk, _, count, length, start, _ = END.unpack_from(tail, at)
    stop = tail_start + at
    if disk not in (0, FULL16) or first_disk not in (0, FULL16):
        raise PackError("is a part of a zip archive of several files; join them first")
    if count == FULL16 or FULL32 in (length, start):
        locator = os.pread(fd, END64_LOCATOR.size, max(0, stop - END64_LOCATOR.size))
        if locator.startswith(END64_LOCATOR_START):
            stop = END64_LOCATOR.unpack(locator)[2]
            end = os.pread(fd, END64.size, stop) if stop < size else b""
            if len(end) < END64.size or not end.startswith(END64_START):
                raise PackError("is damaged: its zip64 directory can't be found")
            *_, count, length, start = END64.unpack(end)
    if start + length != stop:
        raise PackError("is damaged: its directory is not where its end says")
    return start, stop, count


def _end_of(tail: bytes, at: int) -> int:
    return at + END.size + int(END.unpack_from(tail, at)[-1])


def _entry_length(buffer: bytes, start: int) -> int | None:
    """Bytes of the entry at ``start``, None where the buffer ends before it does."""
    if len(buffer) - start < ENTRY.size:
        return None
    if not buffer.startswith(ENTRY_START, start):
        raise PackError("is damaged: its directory has something else in place of an entry")
    length = ENTRY.size + sum(struct.unpack_from("<3H", buffer, start + 28))
    return length if len(buffer) - start >= length else None


def _parse_entry(buffer: bytes, at: int) -> tuple[bytes, int, int] | None:
    """Name, offset of the header and bytes of a file; None for a directory."""
    made_by, flags, method, packed, size, name_size, extra_size, attributes, offset = (
        _ENTRY_NUMBERS.unpack_from(buffer, at)
    )
    name_end = at + ENTRY.size + name_size
    name = buffer[at + ENTRY.size : name_end]
    if name.endswith(b"/"):
        return None
    if FULL32 in (packed, size, offset):
        extra = buffer[name_end : name_end + extra_size]
        size, packed, offset = _zip64(extra, size, packed, offset)
    if made_by >> 8 == 3 and stat.S_ISLNK(attributes >> 16):
        raise PackError(f"holds '{shown(name)}', a link; pack the files that links lead to")
    if flags & _ENCRYPTED:
        raise PackError(f"is encrypted ('{shown(name)}'); pack the frames without a password")
    if method or packed != size:
        raise PackError(
            f"is compressed ('{shown(name)}'); pack the frames as they are,"
            " by tools/data/pack_frames.py or zip -0 -r"
        )
    return clean_name(name), offset, size


def _zip64(extra: bytes, *numbers: int) -> tuple[int, ...]:
    """The numbers, those that don't fit in 32 bits taken from the extra fields."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == ZIP64_FIELD and 8 * numbers.count(FULL32) <= length <= len(extra) - 4:
            large = iter(struct.unpack_from(f"<{length // 8}Q", extra, 4))
            return tuple(next(large) if number == FULL32 else number for number in numbers)
        extra = extra[4 + length :]
    raise PackError("is damaged: a zip64 entry without its numbers")
