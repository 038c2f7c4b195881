"""A training's processes: how they join, by NCCL or gloo, and the signals that end them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from mmengine.model import is_model_wrapper
from torch import nn

from mmaction.errors import ConfigError, UserError, first_line, near
from mmaction.exit_codes import EXIT_BY_SIGNAL, EXIT_INTERRUPTED, EXIT_STOPPED

DEFAULT_PORT = "29500"
FIRST_JOB_PORT, JOB_PORTS = 20000, 10000  # below those that systems hand out
DEFAULT_TIMEOUT_SEC = 1800.0
DIST_KEYS = ("backend", "timeout")
# What starts processes, and what it calls the variables that torch reads.
OWN_NAMES = {
    "slurm": (
        "srun",
        dict(RANK="SLURM_PROCID", LOCAL_RANK="SLURM_LOCALID", WORLD_SIZE="SLURM_NTASKS"),
    ),
    "mpi": (
        "mpirun",
        dict(
            RANK="OMPI_COMM_WORLD_RANK",
            LOCAL_RANK="OMPI_COMM_WORLD_LOCAL_RANK",
            WORLD_SIZE="OMPI_COMM_WORLD_SIZE",
        ),
    ),
}
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
# A scheduler signals every process of a job, and launchers pass on what they get: within this time
# it is the same request.
ECHO_SEC = 3.0
# Where the launcher looks for the code of a run that it has told to end.
CODE_FILE = "MMACTION_STOP_CODE_FILE"


def join_processes(launcher: str, dist_cfg: Mapping[str, Any] | None = None) -> None:
    """Joins the process group that ``launcher`` started, unless this process is in it already.

    mmengine's own set-up calls CUDA whatever the machine; this one asks first.

    Args:
        launcher: ``'pytorch'`` (torchrun), ``'slurm'``, ``'mpi'`` (Open MPI), or ``'none'``: there
            is no group to join.
        dist_cfg: The config's ``env_cfg.dist_cfg``: ``backend``, by default NCCL with GPUs and gloo
            without; ``timeout``, for how many seconds processes wait for each other, at the start
            and in an exchange.

    Raises:
        ConfigError: The launcher's environment variables are missing, this machine has fewer GPUs
            than processes, or a wrong ``dist_cfg``.
        UserError: Not all processes have come in time, or the port is taken.
    """
    if launcher == "none" or dist.is_initialized():
        return
    settings = _checked(dist_cfg or {})
    _set_environment(launcher)
    backend = "gloo"
    if torch.cuda.is_available():
        backend, local_rank, gpus = "nccl", int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local_rank >= gpus:
            raise ConfigError(f"process {local_rank + 1} has no GPU: this machine has {gpus}")
        torch.cuda.set_device(local_rank)
    timeout_sec = settings.get("timeout", DEFAULT_TIMEOUT_SEC)
    try:
        dist.init_process_group(
            settings.get("backend", backend), timeout=timedelta(seconds=timeout_sec)
        )
    except dist.DistError as e:
        address, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
        raise UserError(
            f"{os.environ['WORLD_SIZE']} processes have not met at {address}:{port} within"
            f" {timeout_sec:g} s ({first_line(e)}); MASTER_ADDR names the first one's machine, PORT"
            " (srun, mpirun: MASTER_PORT) a free port there"
        ) from e


def leave_processes() -> None:
    """Leaves the group at the end of a run that went well. After an error others may yet wait."""
    if dist.is_initialized():
        dist.destroy_process_group()


def bare_model(model: nn.Module) -> nn.Module:
    """The network inside of what spreads it over processes."""
    inner = model.module if is_model_wrapper(model) else model
    assert isinstance(inner, nn.Module)
    return inner


def require_sync_bn_possible(sync_bn: Any, *, distributed: bool) -> None:
    """Refuses a config's ``sync_bn``, batch norm over all processes' clips, where there is none.

    Raises:
        ConfigError: It is neither None nor ``'torch'`` nor ``'mmcv'``, or processes have no GPUs.
    """
    if sync_bn not in (None, "torch", "mmcv"):
        raise ConfigError(f"sync_bn={sync_bn!r}: expected 'torch', 'mmcv' or None")
    if sync_bn and distributed and not torch.cuda.is_available():
        raise ConfigError(
            f"sync_bn={sync_bn!r} needs GPUs, and this machine has none: torch computes it on GPUs"
            " alone; model.backbone.norm_eval=True keeps batch norm as pretrained"
        )


def _checked(dist_cfg: Mapping[str, Any]) -> Mapping[str, Any]:
    for key in dist_cfg:
        if key not in DIST_KEYS:
            raise ConfigError(f"env_cfg.dist_cfg has no key {key!r}{near(key, DIST_KEYS)}")
    backend, timeout = dist_cfg.get("backend", "gloo"), dist_cfg.get("timeout", 1)
    if not (isinstance(backend, str) and dist.is_backend_available(backend)):
        raise ConfigError(f"env_cfg.dist_cfg.backend={backend!r}: expected 'nccl' or 'gloo'")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
        raise ConfigError(f"env_cfg.dist_cfg.timeout={timeout!r}: expected a number of seconds")
    return dist_cfg


def _set_environment(launcher: str) -> None:
    """Sets the variables that torch reads, from the launcher's own."""
    command, own_names = OWN_NAMES.get(launcher, ("torchrun", {}))
    names = {name: own_names.get(name, name) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")}
    missing = [own for own in names.values() if own not in os.environ]
    if missing:
        raise ConfigError(
            f"--launcher {launcher}: {missing[0]} is not set; start through {command}"
        )
    os.environ.update({name: os.environ[own] for name, own in names.items()})
    if launcher == "slurm":
        job = os.environ.get("SLURM_JOB_ID", "")
        if job.isdigit():
            # Two jobs may share a machine.
            os.environ.setdefault("MASTER_PORT", str(FIRST_JOB_PORT + int(job) % JOB_PORTS))
        if "MASTER_ADDR" not in os.environ:
            os.environ["MASTER_ADDR"] = _first_host(os.environ.get("SLURM_NODELIST", ""))
    # As mmengine does, which warns of it in every process.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", os.environ["OMP_NUM_THREADS"])
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", DEFAULT_PORT)


def _first_host(nodes: str) -> str:
    try:
        hosts = subprocess.run(
            ["scontrol", "show", "hostnames", nodes], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as e:
        raise ConfigError(
            f"--launcher slurm: scontrol can't tell the hosts of {nodes!r} ({e}); set MASTER_ADDR"
        ) from e
    return hosts.stdout.split()[0]


class TrainingStopped(SystemExit):
    """A signal asked the training to end: it is saved, and ``code`` is the exit code."""

    code: int

    def __init__(self, number: int) -> None:
        super().__init__(EXIT_INTERRUPTED if number == signal.SIGINT else EXIT_STOPPED)


class StopSignals:
    """Notes that a signal has come, for the training to look at when a step is done.

    Attributes:
        received: The first signal's number, or 0.
    """

    def __init__(self) -> None:
        self.received = 0
        self._at_sec = 0.0

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Within it, the first signal is noted and a later one ends the process at once."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may handle signals
            return
        before = {number: signal.signal(number, self._note) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.received:
            self.received, self._at_sec = number, now
        elif now - self._at_sec > ECHO_SEC:
            name = signal.Signals(number).name
            os.write(2, f"error: ended at once by a second signal, {name}\n".encode())
            os._exit(EXIT_BY_SIGNAL + number)


def write_exit_code(code: int) -> None:
    """Tells the launcher, if there is one, that the run has saved and ends with ``code``."""
    path = os.environ.get(CODE_FILE)
    if path:
        Path(path).write_text(str(code))


def ignore_group_signals(worker_id: int, *, then: Callable[[int], None] | None = None) -> None:
    """What a data loader's worker does first: it leaves stopping to the process it works for.

    A signal to the whole group would else take the batches of the step that is to be finished. That
    process itself ends its workers by SIGTERM: from it alone it counts.
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # where a signal's sender can be known
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    if then is not None:
        then(worker_id)


def _end_with(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
