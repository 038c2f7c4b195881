"""Starts a command in several processes through torchrun, with a short word where one fails.

``python -m mmaction.engine.launcher [torchrun's options] SCRIPT [arguments]`` takes what torchrun
takes.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import torch
from torch.distributed import run
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError


def launch(script: Path, arguments: list[str], *, processes: int) -> int:
    """Runs ``script`` in ``processes`` processes on this machine. Returns the exit code."""
    return torchrun(
        ["--standalone", f"--nproc-per-node={processes}", os.fspath(script), *arguments]
    )


def torchrun(arguments: list[str]) -> int:
    """torchrun, but a failed process costs one line instead of a report of forty.

    The process has said what was wrong; a signal that killed it is named here.

    Returns:
        The exit code of the first process that failed, or 0.
    """
    options = run.parse_args(arguments)
    if not torch.cuda.is_available() and options.nproc_per_node.isdigit():
        # Processes share the cores; torchrun would give each a single thread.
        threads = max(1, (os.cpu_count() or 1) // int(options.nproc_per_node))
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    for name in ("torch.distributed.elastic", "torch.distributed.run"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        run.run(options)
    except ChildFailedError as e:
        rank, failure = e.get_first_failure()
        if failure.exitcode < 0:
            name = signal.Signals(-failure.exitcode).name
            print(f"error: process {rank} was ended by {name}", file=sys.stderr)
            return 128 - failure.exitcode
        return failure.exitcode
    return 0


if __name__ == "__main__":
    sys.exit(torchrun(sys.argv[1:]))
