"""Files that are whole or not there, and directories in which one command works at a time."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmaction.errors import ConfigError, DataError, TransientError, UserError

# What a device, a connection or the system lacks, whatever the file.
_TRANSIENT = frozenset(
    getattr(errno, name)
    for name in (
        *("EIO", "EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ENOSPC", "EDQUOT", "EAGAIN", "EBUSY"),
        *("ESTALE", "ETIMEDOUT", "EINTR", "ENODEV", "ENOTCONN", "ENOLINK", "EREMOTEIO", "EPIPE"),
        *("ECONNRESET", "ECONNREFUSED", "ECONNABORTED", "ENETDOWN", "ENETUNREACH", "ENETRESET"),
        *("EHOSTDOWN", "EHOSTUNREACH", "ESHUTDOWN"),
    )
    if hasattr(errno, name)
)
PART = ".part-"  # how the name of an unfinished file begins


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, durable: bool = False) -> Iterator[Path]:
    """A path to write to that takes the name ``path`` only once the block has ended well.

    The directory is made where it is missing. Whatever goes wrong, ``path`` keeps what it had. The
    temporary name ends as ``path`` does, for writers that choose the format by it.

    Args:
        path: The file.
        durable: Whether all of it is on the disk before it takes its name, so that a machine that
            fails leaves no half file either.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{PART}{os.getpid()}.{target.name}")
    try:
        yield temporary
        if durable:
            _sync(temporary)
        os.replace(temporary, target)
        if durable:
            _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A hidden name beside ``path`` that readers know the format by; nothing is left of it."""
    draft = path.with_name(f".{path.stem}.draft{path.suffix}")
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def remove_parts(directory: Path, name: str = "") -> None:
    """Removes what killed runs left unfinished in ``directory``, of one ``name`` or of all."""
    for part in directory.glob(f"{PART}*{name}"):
        part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Brings a file, or the names in a directory where its file system can, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as e:
        if not path.is_dir() or e.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def require_writable(directory: str | os.PathLike[str], *, name: str) -> None:
    """Makes ``directory`` where it is missing and checks that files can be written there.

    Args:
        directory: The directory.
        name: What it is called where the user set it, for the message.

    Raises:
        ConfigError: It can't be made or written to.
    """
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as e:
        raise ConfigError(f"{name}={str(directory)!r} can't be written to: {e.strerror}") from e


def unreadable(what: str, error: OSError) -> DataError:
    """What is raised where a file can't be read: a ``TransientError`` where that may pass.

    Args:
        what: The file, for the message.
        error: What the system says.
    """
    kind = TransientError if error.errno in _TRANSIENT else DataError
    return kind(f"{what} can't be read: {error.strerror or error}")


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Of a file, however large, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()


def read_text(path: str | os.PathLike[str], *, what: str = "") -> str:
    """A UTF-8 file, any line ends made ``\\n``, without a byte order mark.

    Args:
        path: The file.
        what: It is, for messages.

    Raises:
        DataError: It can't be read or is no such text.
    """
    name = f"{what} '{os.fspath(path)}'".lstrip()
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise DataError(f"{name} does not exist") from None
    except IsADirectoryError:
        raise DataError(f"{name} is a directory") from None
    except OSError as error:
        raise unreadable(name, error) from None
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode()
        bad, why = data.find(b"\0"), " (a NUL byte)"
    except UnicodeDecodeError as error:
        bad, why = error.start, ""
    if bad >= 0:
        line = data.count(b"\n", 0, bad) + 1
        raise DataError(
            f"{os.fspath(path)}:{line}: this is not UTF-8 text{why}; save the file as UTF-8"
        )
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


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
        self._owner = os.getpid()
        self._descriptor: int | None = os.open(directory / name, os.O_RDWR | os.O_CREAT, 0o666)
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


def home() -> Path:
    """The directory of tools/ and config_files/: the checkout, or what a wheel has of it."""
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "tools" / "train_recognizer.py").is_file():
        return checkout
    return checkout / "st_abn"
