"""All that is needed to repeat a run, written down when it starts, and what it logged then."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from mmaction.errors import UserError
from mmaction.version import __version__

FILE = "run.json"
# What results can depend on, as the packages are called where they are installed.
PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "onedl-mmengine",
    "onedl-mmcv",
    "opencv-python",
    "av",
    "simplejpeg",
    "pillow",
)
# How the names of variables begin that they can depend on.
VARIABLES = ("OMP_", "MKL_", "CUDA_", "CUBLAS_", "NVIDIA_TF32", "TORCH")
GIT_SECONDS = 10
Curves = dict[str, dict[int, float]]  # key → step, or epoch of validation → value


def run_record(
    annotations: Mapping[str, Iterable[str | os.PathLike[str]]],
    *,
    seed: int | None,
    processes: int,
    config: str,
) -> dict[str, Any]:
    """What a run is made of.

    Args:
        annotations: Files by split.
        seed: Of the run.
        processes: How many train together.
        config: As resolved, in Python.

    Returns:
        ``command``, ``directory``, ``git``, ``versions``, ``seed``, ``processes``, ``data``,
        ``hardware``, ``environment`` and ``config``; plain data.
    """
    return {
        "command": shlex.join([sys.executable, *sys.argv]),
        "directory": os.getcwd(),
        "git": git_state(Path(__file__).parent),
        "versions": versions(),
        "seed": seed,
        "processes": processes,
        "data": {split: [fingerprint(f) for f in files] for split, files in annotations.items()},
        "hardware": hardware(),
        "environment": {k: v for k, v in sorted(os.environ.items()) if k.startswith(VARIABLES)},
        "config": config,
    }


def in_lines(record: Mapping[str, Any]) -> str:
    """The record for a log, a fact a line, without the config, which the log has already."""
    lines = ["to repeat this run:"]
    for name, value in record.items():
        if name != "config":
            text = value if isinstance(value, str) else json.dumps(value)
            lines.append(f"    {name}: {text}")
    return "\n".join(lines)


def fingerprint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Name, number of lines that are not empty, and SHA-256 of an annotation file."""
    content = Path(path).read_bytes()
    return {
        "file": os.fspath(path),
        "lines": sum(bool(line.strip()) for line in content.splitlines()),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def git_state(directory: Path) -> dict[str, Any]:
    """Commit of the repository that ``directory`` is in, and which of its files differ from it.

    Returns:
        Empty where there is no repository, or no git.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", os.fspath(directory), *arguments]
        return subprocess.check_output(
            command, stderr=subprocess.DEVNULL, text=True, timeout=GIT_SECONDS
        )

    try:
        commit, changed = git("rev-parse", "HEAD"), git("status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": commit.strip(), "changed": changed.splitlines()}


def versions() -> dict[str, str | None]:
    """Of Python, of this project and of the packages that results can depend on."""
    found: dict[str, str | None] = {"python": platform.python_version(), "mmaction": __version__}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return {**found, "cuda": torch.version.cuda}


def hardware() -> dict[str, Any]:
    """Machine, processor, memory in GiB, and GPUs with theirs."""
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    devices = [torch.cuda.get_device_properties(n) for n in range(torch.cuda.device_count())]
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(pages * page / 2**30, 1),
        "gpus": [{"name": d.name, "memory_gib": round(d.total_memory / 2**30, 1)} for d in devices],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def read_logs(work_dir: str | os.PathLike[str]) -> Curves:
    """What a training logged, by key and step; a resumed one replaces what it did again.

    Raises:
        UserError: ``work_dir`` holds no logs.
    """
    curves: Curves = {}
    for file in sorted(Path(work_dir).glob("*/vis_data/scalars.json")):
        records = []
        for line in file.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # the run was killed while it wrote
                records.append(json.loads(line))
        first = next((record for record in records if "iter" in record), {"step": math.inf})
        for key, curve in curves.items():
            start = first.get("epoch", first["step"]) if "/" in key else first["step"]
            curves[key] = {step: value for step, value in curve.items() if step < start}
        for record in records:
            for key in record.keys() - {"step", "iter", "epoch"}:
                if "iter" in record or "/" in key:
                    curves.setdefault(key, {})[record["step"]] = record[key]
    if not curves:
        raise UserError(f"{work_dir}: no logs of a training here; expected */vis_data/scalars.json")
    return curves
