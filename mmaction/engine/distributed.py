"""A training's processes: how they join, by NCCL or gloo."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from mmaction.errors import ConfigError, UserError, first_line, near

DEFAULT_PORT = "29500"
FIRST_JOB_PORT, JOB_PORTS = 20000, 10000  # below those that systems hand out
DEFAULT_TIMEOUT_SEC = 1800.0
DIST_KEYS = ("backend", "timeout")
# What starts processes, and what it calls the variables that torch reads.
TORCH_NAMES = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
OWN_NAMES = {
    "pytorch": ("torchrun", TORCH_NAMES),
    "slurm": ("srun", ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS")),
    "mpi": ("mpirun", tuple(f"OMPI_COMM_WORLD_{name}" for name in ("RANK", "LOCAL_RANK", "SIZE"))),
}


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


def require_sync_bn_possible(sync_bn: Any, *, distributed: bool) -> None:
    """Refuses a config's ``sync_bn``, batch norm over all processes' clips, where there is none.

    Raises:
        ConfigError: It is neither ``'torch'`` nor ``'mmcv'``, or processes have no GPUs.
    """
    if sync_bn not in ("torch", "mmcv"):
        raise ConfigError(f"sync_bn={sync_bn!r}: expected 'torch', 'mmcv' or None")
    if distributed and not torch.cuda.is_available():
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
    command, names = OWN_NAMES.get(launcher, OWN_NAMES["pytorch"])
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ConfigError(
            f"--launcher {launcher}: {missing[0]} is not set; start through {command}"
        )
    os.environ.update({own: os.environ[name] for own, name in zip(TORCH_NAMES, names, strict=True)})
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
