"""One command at a time in a directory."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from mmaction.errors import UserError

try:
    import fcntl
except ImportError:  # not on Windows: two commands at a time are then the user's to avoid
    fcntl = None  # type: ignore[assignment]

# The processes of a command that was killed end within moments of it.
_PATIENCE_SEC = 8.0


class DirectoryLock:
    """Holds a directory for this process and those it starts; freed however they end.

    Args:
        directory: It holds the lock's file, which names the process.
        doing: What the process does there, for messages: ``'is writing'``.
        name: Of the lock's file.

    Raises:
        UserError: Another process holds it; names it.
    """

    def __init__(self, directory: Path, *, doing: str, name: str = ".lock") -> None:
        self._descriptor: int | None = None
        self._owner = os.getpid()
        if fcntl is None:
            return
        self._descriptor = os.open(directory / name, os.O_RDWR | os.O_CREAT, 0o666)
        deadline = time.monotonic() + _PATIENCE_SEC
        while not self._acquired():
            pid, _, host = os.pread(self._descriptor, 1000, 0).decode().partition(" on ")
            if (pid, host) == (str(os.getpid()), socket.gethostname()):
                return  # of this process itself, and not let go yet
            if time.monotonic() > deadline:
                self.release()
                raise UserError(
                    f"'{directory}': process {pid or 'unknown'} on {host or 'this machine'} {doing}"
                    " there: wait for it to end, or take another directory"
                )
            time.sleep(0.1)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()} on {socket.gethostname()}".encode(), 0)

    def _acquired(self) -> bool:
        assert self._descriptor is not None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            pass
        return True

    def release(self) -> None:
        """Lets the directory go; in a process that was forked since, its own copy alone."""
        if self._descriptor is not None:
            if os.getpid() == self._owner:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> DirectoryLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()
