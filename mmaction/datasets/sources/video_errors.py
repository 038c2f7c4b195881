"""Whose fault it is that a video file can't be read: its own, its disk's, or little memory."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np

from mmaction.errors import DataError
from mmaction.files import unreadable

_ENOUGH = 64 << 20  # bytes, for some frames of most videos
_BLOCK = 1 << 22


@contextmanager
def readable_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Within it, what PyAV says of a video file is raised as a ``DataError`` that names it.

    Raises:
        MemoryError: As it is.
    """
    path = os.fspath(path)
    try:
        yield
    except MemoryError:
        raise
    except FileNotFoundError:
        raise DataError(f"video '{path}' does not exist") from None
    except IsADirectoryError:
        raise DataError(f"video '{path}' is a directory, not a video file") from None
    except (av.FFmpegError, OSError) as error:
        raise _named(error, path) from None


def _named(error: av.FFmpegError | OSError, path: str) -> DataError:
    """The error to raise."""
    # FFmpeg calls damaged what a disk doesn't give it, and a disk's fault what is damaged.
    if isinstance(error, OSError) and error.errno != errno.EIO:
        return unreadable(f"video '{path}'", error)
    if os.path.isfile(path):
        try:
            with open(path, "rb") as file:
                while file.read(_BLOCK):
                    pass
        except OSError as e:
            return unreadable(f"video '{path}'", e)
    np.empty(_ENOUGH, np.uint8)  # many decoders call damaged what they have no memory for
    reason = error.strerror or error
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        reason = "it is empty (zero bytes)"
    elif isinstance(error, av.InvalidDataError | OSError):
        reason = "it is damaged, truncated or no video file"
    return DataError(f"video '{path}' can't be read: {reason}")
