"""What is found in a video, and the words for it."""

from __future__ import annotations

import enum
import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from mmaction.datacheck.problems import ERROR, Problem

NO_DIGEST = b""
_SHOWN = 3


class Depth(enum.IntEnum):
    """How closely a video is looked at."""

    NAMES = 0
    """What there is, by its name; no file is opened."""
    FILES = 1
    """Every file's size and end, too, and the bytes of a few."""
    PIXELS = 2
    """Every frame is decoded, too."""


@dataclass(frozen=True)
class Inspected:
    """What came of looking at a video.

    Attributes:
        findings: What is wrong with it.
        digest: 16 bytes that two videos of the same content share; those of different content
            may, too, in rare cases (:func:`whole_digest` decides). Empty where it was not read.
    """

    findings: tuple[Problem, ...]
    digest: bytes = NO_DIGEST


class Fault(Exception):
    """A finding that ends the look at a file."""

    def __init__(self, kind: str, file: str, message: str) -> None:
        super().__init__(message)
        self.finding = Problem(kind, ERROR, file, message)


def require_file(path: str, *, missing: str) -> int:
    """Size in bytes, > 0, of what is a file; raises Fault, of kind ``missing`` if it's gone."""
    try:
        status = os.stat(path)
    except OSError as error:
        gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        kind = missing if gone else "unreadable"
        raise Fault(kind, path, f"can't be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise Fault("not-a-file", path, "is no regular file")
    if not status.st_size:
        raise Fault("empty-file", path, "is empty (zero bytes)")
    return status.st_size


def content_hash(parts: Iterable[bytes]) -> bytes:
    """16 bytes that tell these apart from others."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def frame_count(count: int) -> str:
    """Such as ``2 frames``."""
    return f"{count} frame" if count == 1 else f"{count} frames"


def ranges(gaps: list[tuple[int, int]]) -> str:
    """The first few of some numbers' ranges, both ends within, such as ``2-3, 5``."""
    shown = [str(low) if low == high else f"{low}-{high}" for low, high in gaps[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(gaps) > _SHOWN else "")


def several_sizes(sizes: list[tuple[tuple[int, int], int]]) -> str:
    """What is wrong with frames of several widths and heights, and how many have each."""
    parts = [
        f"{width}×{height} ({frame_count(count)})" for (width, height), count in sizes[:_SHOWN]
    ]
    more = ", …" if len(sizes) > _SHOWN else ""
    return f"the frames of a video have one size, these have {', '.join(parts)}{more}"
