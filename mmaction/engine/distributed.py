"""Process groups on GPUs (NCCL) and on machines without any (gloo)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed import PrefixStore

from mmaction.engine.heartbeat import Heartbeat
from mmaction.engine.roll_call import attempt_prefix, call_roll, named, open_store
from mmaction.errors import ConfigError, first_line, near

DEFAULT_PORT = "29500"
FIRST_JOB_PORT, JOB_PORTS = 20000, 10000  # below those that systems hand out
DEFAULT_TIMEOUT_SEC = 1800.0
DEFAULT_SILENCE_SEC = 60.0
DIST_KEYS = ("backend", "timeout", "silence")
# What gloo says where the other side of an exchange is late; NCCL's errors have a type.
TIMED_OUT = ("Timed out waiting", "Application timeout", "Watchdog caught")
CLOSED = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Socket closed")


@dataclass
class _Group:
    """What this process has joined."""

    heartbeat: Heartbeat | None = None


_joined = _Group()


def join_processes(launcher: str, dist_cfg: Mapping[str, Any] | None = None) -> None:
    """Joins the process group unless there is none to join, or this process is in it already.

    Args:
        launcher: Who started the processes; see ``init_distributed``.
        dist_cfg: Its other arguments, as the config's ``env_cfg.dist_cfg`` says them.
    """
    if launcher != "none" and not dist.is_initialized():
        _check_dist_cfg(dist_cfg or {})
        init_distributed(launcher, **(dist_cfg or {}))


def init_distributed(
    launcher: str,
    *,
    backend: str | None = None,
    timeout: float = DEFAULT_TIMEOUT_SEC,
    silence: float = DEFAULT_SILENCE_SEC,
) -> None:
    """Joins the process group that ``launcher`` started, over NCCL with GPUs and gloo without.

    mmengine's own set-up calls CUDA whatever the machine; this one asks first. It also says which
    process has not come, and ends this one soon after another is lost.

    Args:
        launcher: ``'pytorch'`` (torchrun), ``'slurm'`` or ``'mpi'`` (Open MPI).
        backend: In place of that choice.
        timeout: Seconds that processes wait for each other, at the start and in an exchange.
        silence: Seconds without a sign of life after which a process counts as lost; 0: never.

    Raises:
        ConfigError: The launcher's environment variables are missing, or this machine has fewer
            GPUs than processes.
        AbsentError: Not all processes came in time.
    """
    if launcher == "slurm":
        _environment_from_slurm()
    elif launcher == "mpi":
        _environment_from_mpi()
    missing = [name for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE") if name not in os.environ]
    if missing:
        raise ConfigError(
            f"--launcher {launcher}: {', '.join(missing)} not set; start through "
            "tools/dist_train_recognizer.sh, torchrun, srun or mpirun"
        )
    # As mmengine does, which warns of it in every process.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", os.environ["OMP_NUM_THREADS"])
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", DEFAULT_PORT)
    if torch.cuda.is_available():
        local_rank, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local_rank >= gpus:
            raise ConfigError(f"process {local_rank + 1} has no GPU: this machine has {gpus}")
        torch.cuda.set_device(local_rank)
    _meet(backend or ("nccl" if torch.cuda.is_available() else "gloo"), timeout, silence)


def _meet(backend: str, timeout_sec: float, silence_sec: float) -> None:
    rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    # Else the first process keeps the store; where torchrun does, it stays when that one goes.
    by_torchrun = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == str(True)
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = open_store(address, port, host=rank == 0 and not by_torchrun, timeout_sec=timeout_sec)
    own = PrefixStore(attempt_prefix(), store)
    call_roll(own, rank=rank, count=world_size, timeout_sec=timeout_sec, kind="process")
    beating = silence_sec > 0 and world_size > 1
    if beating:
        # A connection of its own: the other one is busy while this process waits for another.
        second = open_store(address, port, host=False, timeout_sec=timeout_sec)
        _joined.heartbeat = Heartbeat(
            PrefixStore(attempt_prefix(), second),
            rank=rank,
            world_size=world_size,
            silence_sec=silence_sec,
        )
    dist.init_process_group(
        backend,
        store=PrefixStore("group", own),
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=timeout_sec),
    )
    if beating:
        # All have come here, and given a first sign.
        assert _joined.heartbeat is not None
        dist.barrier()
        _joined.heartbeat.start()


def leave_processes() -> None:
    """Leaves the group at the end of a run that went well. After an error others may yet wait."""
    if not dist.is_initialized():
        return
    if _joined.heartbeat is not None:
        _joined.heartbeat.leave()
        _joined.heartbeat = None
    dist.destroy_process_group()


def stop_heartbeat() -> None:
    """Before this process ends on purpose, in the midst of a run."""
    if _joined.heartbeat is not None:
        _joined.heartbeat.stop()


def working_on(order: int, doing: str) -> None:
    """Says what this process does next, for a report of which one is behind.

    Args:
        order: Counts up over the run, in all processes alike.
        doing: In words.
    """
    if _joined.heartbeat is not None:
        _joined.heartbeat.working_on(order, doing)


def why_alone(error: RuntimeError) -> str | None:
    """Says which process is at fault for an exchange that failed.

    Args:
        error: What the exchange raised; see ``is_lost_exchange``.

    Returns:
        One line, or None where another process has spoken.
    """
    heartbeat = _joined.heartbeat
    broke = f"the connection to another process broke: {first_line(error)}"
    if heartbeat is None:
        return broke
    try:
        missing = heartbeat.missing()
        line = broke
        if missing:
            line = f"{named(missing)} has ended, or its machine can't be reached"
        elif any(phrase in str(error) for phrase in TIMED_OUT):
            line = f"processes waited too long for each other; {heartbeat.furthest_behind()}"
        return line if heartbeat.first_to_tell() else None
    except dist.DistError:
        return "the connection to the first process's machine is lost"


def is_lost_exchange(error: BaseException) -> bool:
    """Whether ``error`` says that another process was not there for an exchange."""
    if not dist.is_initialized():
        return False
    text = str(error)
    by_gloo = "gloo" in text and any(phrase in text for phrase in (*CLOSED, *TIMED_OUT))
    return isinstance(error, dist.DistError) or by_gloo


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


def _check_dist_cfg(dist_cfg: Mapping[str, Any]) -> None:
    for key, value in dist_cfg.items():
        if key not in DIST_KEYS:
            raise ConfigError(f"env_cfg.dist_cfg has no key {key!r}{near(key, DIST_KEYS)}")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if key != "backend" and not (number and (value > 0 or (key, value) == ("silence", 0))):
            raise ConfigError(f"env_cfg.dist_cfg.{key}={value!r}: expected a number of seconds")


def _environment_from_slurm() -> None:
    try:
        rank, world = os.environ["SLURM_PROCID"], os.environ["SLURM_NTASKS"]
        local_rank, nodes = os.environ["SLURM_LOCALID"], os.environ["SLURM_NODELIST"]
    except KeyError as e:
        raise ConfigError(f"--launcher slurm: {e.args[0]} is not set; start through srun") from e
    os.environ.update(RANK=rank, WORLD_SIZE=world, LOCAL_RANK=local_rank)
    job = os.environ.get("SLURM_JOB_ID", "")
    if job.isdigit():
        # Two jobs may share a machine.
        os.environ.setdefault("MASTER_PORT", str(FIRST_JOB_PORT + int(job) % JOB_PORTS))
    if "MASTER_ADDR" not in os.environ:
        os.environ["MASTER_ADDR"] = _first_host(nodes)


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


def _environment_from_mpi() -> None:
    try:
        os.environ.update(
            RANK=os.environ["OMPI_COMM_WORLD_RANK"],
            WORLD_SIZE=os.environ["OMPI_COMM_WORLD_SIZE"],
            LOCAL_RANK=os.environ["OMPI_COMM_WORLD_LOCAL_RANK"],
        )
    except KeyError as e:
        raise ConfigError(f"--launcher mpi: {e.args[0]} is not set; start through mpirun") from e
