"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmaction.errors import ConfigError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to that takes the name ``path`` only once the block has ended well.

    The directory is made where it is missing. Whatever goes wrong, ``path`` keeps what it had. The
    temporary name ends as ``path`` does, for writers that choose the format by it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


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
