"""Process groups on GPUs (NCCL) and on machines without any (gloo)."""

from __future__ import annotations

import os
import subprocess

import torch
import torch.distributed as dist

from mmaction.errors import ConfigError

LAUNCHERS = ("none", "pytorch", "slurm", "mpi")
DEFAULT_PORT = "29500"


def join_processes(launcher: str) -> None:
    """Joins the process group unless there is none to join, or this process is in it already."""
    if launcher != "none" and not dist.is_initialized():
        init_distributed(launcher)


def init_distributed(launcher: str) -> None:
    """Joins the process group that ``launcher`` started, over NCCL with GPUs and gloo without.

    mmengine's own set-up calls CUDA whatever the machine; this one asks first.

    Args:
        launcher: ``'pytorch'`` (torchrun), ``'slurm'`` or ``'mpi'`` (Open MPI).

    Raises:
        ConfigError: The launcher's environment variables are missing, or this machine has fewer
            GPUs than processes.
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
        dist.init_process_group("nccl")
    else:
        dist.init_process_group("gloo")


def _environment_from_slurm() -> None:
    try:
        rank, world = os.environ["SLURM_PROCID"], os.environ["SLURM_NTASKS"]
        local_rank, nodes = os.environ["SLURM_LOCALID"], os.environ["SLURM_NODELIST"]
    except KeyError as e:
        raise ConfigError(f"--launcher slurm: {e.args[0]} is not set; start through srun") from e
    os.environ.update(RANK=rank, WORLD_SIZE=world, LOCAL_RANK=local_rank)
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
