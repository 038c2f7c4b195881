"""A config's settings as a checkpoint keeps them, to be compared with those of a resumed run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mmaction.files import sha256_of

# Where a run is and what it says, not what it computes.
_LEFT_OUT = (
    "work_dir",
    "resume",
    "resume_from",
    "load_from",
    "load_partly",
    "launcher",
    "log_level",
    "visualizer",
    "experiment_name",
    "default_hooks.logger",
)


def flat_settings(cfg: Mapping[str, Any]) -> dict[str, str]:
    """Values as text by their keys, such as ``{'optim_wrapper.optimizer.lr': '0.01'}``.

    What a run computes does not depend on is left out.
    """
    found: dict[str, str] = {}
    _add(found, "", dict(cfg))
    return {
        key: value
        for key, value in found.items()
        if not any(key == name or key.startswith(f"{name}.") for name in _LEFT_OUT)
    }


def list_digests(cfg: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the annotation files that a training reads, by their config's key."""
    digests = {}
    for split in ("train", "val"):
        dataset = (cfg.get(f"{split}_dataloader") or {}).get("dataset") or {}
        files = dataset.get("ann_file") or ()
        files = [files] if isinstance(files, str | os.PathLike) else files
        for number, file in enumerate(file for file in files if os.path.isfile(file)):
            key = f"{split}_dataloader.dataset.ann_file, SHA-256 of file {number + 1}"
            digests[key] = sha256_of(file)
    return digests


def _add(found: dict[str, str], key: str, value: Any) -> None:
    parts: Any = None
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
        parts = enumerate(value)
    if not parts:
        found[key] = repr(value)
        return
    for name, part in parts:
        _add(found, f"{key}.{name}" if key else str(name), part)


def differing_settings(
    before: Mapping[str, str], now: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """By key, in alphabetical order, the two values where they differ; ``'absent'`` for none."""
    pairs = {key: (before.get(key, "absent"), now.get(key, "absent")) for key in {*before, *now}}
    return {key: pair for key, pair in sorted(pairs.items()) if pair[0] != pair[1]}
