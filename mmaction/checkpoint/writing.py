"""Checkpoints written in the background: whole or not there."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.utils import apply_to
from torch import Tensor

from mmaction.checkpoint.sharded_tensors import whole
from mmaction.errors import CheckpointError
from mmaction.files import atomic_path


def copied(content: Any) -> Any:
    """``content`` as plain data on the CPU, so that training may go on changing it.

    Every tensor is copied; those that are spread over the processes become whole: then all
    processes call it. numpy's numbers become Python's, its arrays tensors.
    """
    if isinstance(content, Tensor):
        return whole(content.detach()).to("cpu", copy=True)
    if isinstance(content, np.generic):
        return content.item()
    if isinstance(content, np.ndarray) and content.dtype.kind in "biuf":
        return torch.tensor(content)
    if isinstance(content, Mapping):
        return {copied(key): copied(value) for key, value in content.items()}
    if isinstance(content, list | tuple) and not hasattr(content, "_fields"):
        return type(content)(copied(value) for value in content)
    return content


def size_in_bytes(content: Any) -> int:
    """Of the tensors in ``content``, at any depth."""
    sizes: list[int] = []
    apply_to(content, lambda each: isinstance(each, Tensor), lambda each: sizes.append(each.nbytes))
    return sum(sizes)


class CheckpointWriter:
    """Writes one checkpoint at a time while training goes on.

    A file takes its name only once all of it is on the disk. An error shows at the next ``write``,
    ``check`` or ``wait``.
    """

    def __init__(self) -> None:
        self._begun: Future[None] | None = None

    def write(self, content: Any, path: Path, *, then: Callable[[], None] | None = None) -> None:
        """Begins to write ``content`` to ``path``, once the file before it is written.

        Args:
            content: Nobody may change it from now on; see ``copied``.
            path: What stands there is replaced.
            then: Called once the file is whole.

        Raises:
            CheckpointError: The file before it could not be written.
        """
        self.wait()
        pool = ThreadPoolExecutor(1)
        self._begun = pool.submit(_write, content, path, then)
        pool.shutdown(wait=False)  # its thread ends with the file

    def wait(self) -> None:
        """Until nothing is being written.

        Raises:
            CheckpointError: What was being written could not be.
        """
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.result()

    def check(self) -> None:
        """Raises what a write has failed with by now, without waiting for one."""
        if self._begun is not None and self._begun.done():
            self.wait()


def _write(content: Any, path: Path, then: Callable[[], None] | None) -> None:
    write_whole(content, path)
    if then is not None:
        then()


def write_whole(content: Any, path: Path) -> None:
    """Saves ``content`` beside ``path``, brings it to the disk, and gives it its name.

    Raises:
        CheckpointError: It can't be; what stood at ``path`` is as it was.
    """
    try:
        with atomic_path(path, durable=True) as part, open(part, "wb") as f:
            torch.save(content, f)
    except (OSError, RuntimeError) as e:
        # torch's own error, of the archive that has no end then, hides why a write has failed.
        cause = e if isinstance(e, OSError) else e.__context__
        if not isinstance(cause, OSError):
            raise
        raise CheckpointError(_cannot_write(content, path, cause)) from e


def _cannot_write(content: Any, path: Path, error: OSError) -> str:
    text = f"checkpoint {path}: can't be written ({error.strerror or error}); it needs "
    text += f"{_megabytes(size_in_bytes(content))}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and path.parent.is_dir():
        text += f", {_megabytes(shutil.disk_usage(path.parent).free)} are free there"
    return text + "; checkpoints written before are whole"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
