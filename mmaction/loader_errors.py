"""What torch's data loaders say when their workers come to grief, in words that help."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from mmaction.errors import UserError

_SHARED_MEMORY_FULL = re.compile(
    r"Bus error|No space left on device|out of shared memory|unable to (?:allocate|write|resize)"
    r"|Cannot allocate memory",
    re.IGNORECASE,
)
_TOO_MANY_FILES = re.compile(r"Too many open files|received 0 items of ancdata", re.IGNORECASE)
_KILLED = re.compile(r"worker \(pid.*?\) is killed by signal: (?P<signal>[^.]*)")
_GONE = re.compile(r"worker \(pid\(s\).*?\) exited unexpectedly")
_TIMED_OUT = re.compile(r"DataLoader timed out after (?P<seconds>\d+) seconds")

_FEWER = "num_workers, prefetch_factor or batch_size of the config's dataloaders"


@contextmanager
def readable_loader_errors() -> Iterator[None]:
    """Within it, a data loader's failure is raised as a ``UserError`` that says what to change."""
    try:
        yield
    except UserError:
        raise
    except (RuntimeError, OSError) as error:
        message = None
        if _is_a_loaders(error):
            # What a worker died of is the cause of the loader's finding that it is gone.
            message = _explain(str(error.__cause__ or "")) or _explain(str(error))
        if message is None:
            raise
        raise UserError(message) from error


def _is_a_loaders(error: BaseException) -> bool:
    """Whether it comes from a loader: a signal's handler raises it anywhere, but names a worker."""
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return (
        "DataLoader" in str(error)
        or any("multiprocessing" in f for f in files)
        or any("torch/utils/data" in f.replace("\\", "/") for f in files)
    )


def _explain(text: str) -> str | None:
    if _TOO_MANY_FILES.search(text):
        return (
            "a data loader ran out of open files: raise the limit (ulimit -n 65536), or lower"
            f" {_FEWER}"
        )
    if _SHARED_MEMORY_FULL.search(text):
        return (
            "shared memory (/dev/shm) is full, through which workers hand over their batches:"
            f" enlarge it (docker run --shm-size=16g, or --ipc=host), or lower {_FEWER}"
        )
    if match := _KILLED.search(text):
        return (
            f"a data loader's worker was killed (signal: {match['signal'].strip()}); most often"
            f" memory ran out: lower {_FEWER}; dataloader.num_workers=0 shows the error itself"
        )
    if _GONE.search(text):
        return (
            "a data loader's worker ended without a word; dataloader.num_workers=0 shows the"
            " error itself"
        )
    if match := _TIMED_OUT.search(text):
        return (
            f"no batch came for {match['seconds']} s: raise the dataloader's timeout, or look at"
            " the disk that the data lies on"
        )
    return None
