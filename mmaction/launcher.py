"""torchrun, but a process's exit code is passed on, and its failure costs one line, not forty.

``python -m mmaction.launcher [torchrun's options] SCRIPT [arguments]``
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import torch
from torch.distributed import DistError, run
from torch.distributed.elastic.multiprocessing import SignalException, errors

from mmaction.errors import first_line
from mmaction.exit_codes import CODE_FILE, EXIT_BY_SIGNAL, EXIT_USER_ERROR

SHUTDOWN_SEC = 600  # to finish a step and save it after a signal, before processes are killed
PATIENCE_SEC = 25  # torchrun kills what has not ended 30 s after the first failure
_OURS = (signal.SIGTERM, signal.SIGINT)  # how torchrun ends what is left
_AGENT = "torch.distributed.elastic.agent.server.api"  # its logger has a level of its own


def torchrun(arguments: list[str]) -> int:
    """Returns the exit code of the first process that failed, or 0; it has said what was wrong."""
    options = run.parse_args(arguments)
    if not torch.cuda.is_available() and options.nproc_per_node.isdigit():
        # Processes share the cores; torchrun would give each a single thread.
        threads = max(1, (os.cpu_count() or 1) // int(options.nproc_per_node))
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(SHUTDOWN_SEC))
    # A store of its own for each restart: in a shared one gloo finds the addresses of the dead.
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    for name in ("torch.distributed.elastic", "torch.distributed.run", _AGENT):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # The one signal of those that end a training which torchrun does not pass on.
    signal.signal(signal.SIGUSR1, _raise_signal)
    with tempfile.TemporaryDirectory() as folder:
        code_file = Path(folder) / "code"
        os.environ[CODE_FILE] = os.fspath(code_file)
        try:
            run.run(options)
        except errors.ChildFailedError as e:
            return _exit_code(e)
        except DistError as e:
            print(f"error: the machines have not met: {first_line(e)}", file=sys.stderr)
            return EXIT_USER_ERROR
        except SignalException as e:
            return int(code_file.read_text()) if code_file.exists() else EXIT_BY_SIGNAL + e.sigval
    return 0


def _exit_code(error: errors.ChildFailedError) -> int:
    rank, failure = error.get_first_failure()
    # A killed process takes others along, which may be seen to end before it.
    for other, later in error.failures.items():
        by_torchrun = later.timestamp >= failure.timestamp + PATIENCE_SEC
        if later.exitcode < 0 and -later.exitcode not in _OURS and not by_torchrun:
            rank, failure = other, later
            break
    if failure.exitcode >= 0:
        return failure.exitcode
    name = signal.Signals(-failure.exitcode).name
    print(f"error: process {rank} was ended by {name}", file=sys.stderr)
    return EXIT_BY_SIGNAL - failure.exitcode


def _raise_signal(number: int, _: FrameType | None) -> None:
    raise SignalException(f"got signal {number}", sigval=signal.Signals(number))


if __name__ == "__main__":
    sys.exit(torchrun(sys.argv[1:]))
