"""Uncompressed tar archives (ustar, GNU, pax): a walk through all files, and one read.

Python's own tarfile takes a damaged header in the middle for the archive's end, and frames would
be missing without a word; it is also slow over millions of files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mmaction.datasets.sources.packed_index import PackError, clean_name, shown

BLOCK = 512

_COMPRESSED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
}
_FILES, _DIRECTORY, _DEVICES = (b"0", b"\0", b"7"), b"5", (b"3", b"4", b"6")
_LINKS = {b"1": "a hard link", b"2": "a link"}
_GNU_LONG_NAME, _GNU_LONG_LINK, _PAX, _PAX_GLOBAL = b"L", b"K", b"x", b"g"
_GNU_PARTIAL = {b"S": "a sparse file", b"M": "a part of a file"}
_MOST_EXTENDED = 1 << 20  # bytes of a long name or of pax records
_MOST_PADDING = 1 << 20  # zeros after the end mark

_Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class _Member:
    """A file, or something else, in an archive.

    Attributes:
        name: As the archive writes it.
        kind: The header's type flag.
        size: Bytes of its data.
        start: Where they begin.
    """

    name: bytes
    kind: bytes
    size: int
    start: int

    @property
    def stop(self) -> int:
        """Where the next header begins."""
        has_data = self.kind != _DIRECTORY and self.kind not in _DEVICES
        return self.start + (_padded(self.size) if has_data else 0)


def walk_tar(fd: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, offset of the first header and bytes of every file, in their order.

    Args:
        fd: The archive.
        size: Its bytes.

    Raises:
        PackError: It is damaged or compressed, or has links.
    """
    _refuse_compressed(os.pread(fd, 8, 0))

    def read(offset: int, count: int) -> bytes:
        return os.pread(fd, count, offset)

    offset = 0
    while True:
        member = _find_member(read, offset)
        if member is None:
            break
        if member.stop > size:
            raise PackError(f"is cut short: it ends within '{shown(member.name)}'")
        if _is_file(member):
            yield clean_name(member.name), offset, member.size
        offset = member.stop
    if size - offset > _MOST_PADDING:
        raise PackError(f"goes on after its end mark at byte {offset}; is it two archives joined?")


def read_tar(fd: int, offset: int, size: int, name: bytes) -> bytes:
    """One file, its name and size compared; a tar archive has no checksum of it.

    Raises:
        PackError: Another file or none is there.
        OSError: It can't be read.
    """
    block = os.pread(fd, BLOCK + size, offset)

    def read(at: int, count: int) -> bytes:
        if at - offset + count <= len(block):
            return block[at - offset : at - offset + count]
        return os.pread(fd, count, at)

    member = _find_member(read, offset)
    if member is None or member.kind not in _FILES:
        raise PackError(f"no file begins at byte {offset} of the pack")
    if member.name != name and clean_name(member.name) != name:
        raise PackError(f"'{shown(member.name)}' is in its place at byte {offset} of the pack")
    if member.size != size:
        raise PackError(f"it has {member.size} bytes in place of {size}")
    data = read(member.start, size)
    if len(data) != size:
        raise PackError(f"its bytes end too early, at byte {offset} of the pack")
    return data


def _find_member(read: _Read, offset: int) -> _Member | None:
    """The member whose first header is at ``offset``, None at the end mark."""
    name: bytes | None = None
    size: int | None = None
    while True:
        header = read(offset, BLOCK)
        member = _parse_header(header, offset)
        if member is None:
            if name is not None or size is not None or any(read(offset + BLOCK, BLOCK)):
                raise PackError(f"is damaged: zeros in place of a header at byte {offset}")
            return None
        if member.kind in (_GNU_LONG_NAME, _GNU_LONG_LINK, _PAX, _PAX_GLOBAL):
            if member.size > _MOST_EXTENDED:
                raise PackError(f"is damaged: a name of {member.size} bytes at byte {offset}")
            data = read(member.start, member.size)
            if member.kind == _GNU_LONG_NAME:
                name = data.rstrip(b"\0")
            elif member.kind == _PAX:
                records = _pax_records(data, offset)
                name = records.get(b"path", name)
                size = _number(records[b"size"], 10, offset) if b"size" in records else size
            offset = member.stop
            continue
        return _Member(
            name=member.name if name is None else name,
            kind=member.kind,
            size=member.size if size is None else size,
            start=member.start,
        )


def _is_file(member: _Member) -> bool:
    """Whether it is a file, rather than a directory or a device.

    Raises:
        PackError: It is a link or stored in a way that frames are not.
    """
    if member.kind in _LINKS:
        raise PackError(
            f"holds '{shown(member.name)}', {_LINKS[member.kind]}; pack the files themselves, by"
            " tools/data/pack_frames.py or tar --dereference --hard-dereference"
        )
    if member.kind in _GNU_PARTIAL:
        kind = _GNU_PARTIAL[member.kind]
        raise PackError(f"holds '{shown(member.name)}', {kind}; pack it without -S and -M")
    return member.kind in _FILES and not member.name.endswith(b"/")


def _parse_header(block: bytes, offset: int) -> _Member | None:
    """One header; None for a block of zeros."""
    if len(block) < BLOCK:
        raise PackError(f"is cut short: it ends without its end mark at byte {offset}")
    if block[0] == 0 and not any(block):
        return None
    # The checksum counts its own field as spaces.
    checksum = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    if _number(block[148:156], 8, offset) != checksum:
        raise PackError(f"is damaged: the header at byte {offset} has a wrong checksum")
    name = block[:100].partition(b"\0")[0]
    if block[257:263] == b"ustar\0" and block[345]:
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    if block[124] & 0x80:
        size = int.from_bytes(block[125:136], "big")
    else:
        size = _number(block[124:136], 8, offset)
    return _Member(name=name, kind=block[156:157], size=size, start=offset + BLOCK)


def _pax_records(data: bytes, offset: int) -> dict[bytes, bytes]:
    """Pax header records, each ``length key=value\\n``."""
    records = {}
    while data:
        length = _number(data.partition(b" ")[0], 10, offset)
        record, data = data[:length], data[length:]
        key, equals, value = record.partition(b" ")[2].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise PackError(f"is damaged: the pax header at byte {offset}")
        if key.startswith(b"GNU.sparse"):
            raise PackError("holds sparse files; pack it without -S")
        records[key] = value[:-1]
    return records


def _number(field: bytes, base: int, offset: int) -> int:
    text = field.partition(b"\0")[0].strip()
    if not text and base == 8:
        return 0
    if not text.isdigit():
        raise PackError(f"is damaged: no number in the header at byte {offset}")
    try:
        return int(text, base)
    except ValueError:
        raise PackError(f"is damaged: no number in the header at byte {offset}") from None


def _refuse_compressed(start: bytes) -> None:
    for magic, (name, program) in _COMPRESSED.items():
        if start.startswith(magic):
            raise PackError(
                f"is compressed ({name}), so that single frames can't be read: unpack it with"
                f" {program}, or pack the frames by tools/data/pack_frames.py"
            )


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
