"""One command at a time in a directory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmaction.errors import DataError

try:
    import fcntl
except ImportError:  # not on Windows: two commands at a time are then the user's to avoid
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = ".lock"
# The processes of a command that was killed end within moments of it.
_PATIENCE_SEC = 5.0


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold ``directory`` for this process and those it starts; freed however they end.

    Raises:
        DataError: Another command holds it.
    """
    if fcntl is None:
        yield
        return
    path = directory / LOCK_FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _acquire(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, directory: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SEC
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DataError(
                    f"another command is writing to '{directory}': wait for it to end"
                ) from None
            time.sleep(0.1)
        except OSError:
            return  # a file system without locks
