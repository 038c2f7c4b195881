"""Starts a command in several processes through torchrun, with a short word where one fails.

``python -m mmaction.engine.launcher [torchrun's options] SCRIPT [arguments]`` takes what torchrun
takes.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import torch
from torch.distributed import DistError, Store, run
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from mmaction.engine.roll_call import call_roll, open_store
from mmaction.engine.signals import CODE_FILE
from mmaction.errors import UserError, first_line

# How long processes have to finish a step and save it before torchrun ends them for good.
SHUTDOWN_SEC = 600
# How long machines wait for each other's launchers; torchrun's own default.
MACHINES_TIMEOUT_SEC = 600.0
EXIT_USER_ERROR = 2
_OURS = (signal.SIGTERM, signal.SIGINT)  # how torchrun ends what is left
_AGENT = "torch.distributed.elastic.agent.server.api"  # its logger has a level of its own


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
            store = await_machines(options)
            run.run(options)
            del store  # torchrun's own goes through the same port
        except ChildFailedError as e:
            return _exit_code(e)
        except UserError as e:
            print(f"error: {e}", file=sys.stderr)
            return EXIT_USER_ERROR
        except DistError as e:
            print(
                f"error: the first machine can't be reached any more: {first_line(e)}",
                file=sys.stderr,
            )
            return 1
        except SignalException as e:
            # The processes have had the signal and are gone; the first one says how it ended.
            return int(code_file.read_text()) if code_file.exists() else 128 + e.sigval
    return 0


def await_machines(options: argparse.Namespace) -> Store | None:
    """Returns once the launchers of all machines have come; None where there is but this one.

    Args:
        options: torchrun's. Its ``--rdzv-conf timeout=N`` is how many seconds to wait.

    Raises:
        AbsentError: Names the machines that have not come.
    """
    count, rank = int(options.nnodes.split(":")[-1]), options.node_rank
    if (
        count == 1
        or options.standalone
        or options.rdzv_backend != "static"
        or options.rdzv_endpoint
    ):
        return None
    if not 0 <= rank < count:
        raise UserError(f"NODE_RANK={rank}: expected 0 to {count - 1}, as NNODES={count}")
    conf = dict(pair.split("=", 1) for pair in options.rdzv_conf.split(",") if "=" in pair)
    timeout_sec = float(conf.get("timeout", MACHINES_TIMEOUT_SEC))
    address, port = options.master_addr, options.master_port
    store = open_store(address, port, host=rank == 0, timeout_sec=timeout_sec)
    call_roll(store, rank=rank, count=count, timeout_sec=timeout_sec, kind="machine")
    return store


def _exit_code(error: ChildFailedError) -> int:
    # A process that a signal ended takes others along, which torchrun may see in the same moment.
    killed = [
        f for f in error.failures.items() if f[1].exitcode < 0 and -f[1].exitcode not in _OURS
    ]
    rank, failure = killed[0] if killed else error.get_first_failure()
    if failure.exitcode < 0:
        name = signal.Signals(-failure.exitcode).name
        print(f"error: process {rank} was ended by {name}", file=sys.stderr)
        return 128 - failure.exitcode
    return failure.exitcode


def _raise_signal(number: int, frame: FrameType | None) -> None:
    received = signal.Signals(number)
    raise SignalException(f"got {received.name}", sigval=received)


if __name__ == "__main__":
    sys.exit(torchrun(sys.argv[1:]))
