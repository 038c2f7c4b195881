"""What two trainings have in common that were to be the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

# Times, and what names a run or its directory.
NOT_OF_THE_TRAINING = ("time", "data_share", "eta", "cfg", "experiment_name", "_ckpt")


def entries(content: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield from entries(value, f"{name}/{key}")
    elif isinstance(content, list | tuple):
        for key, value in enumerate(content):
            yield from entries(value, f"{name}/{key}")
    else:
        yield name, content


def of_the_training(path: Path) -> dict[str, Any]:
    """All that a checkpoint holds, by name, without what differs from run to run."""
    content = torch.load(path, weights_only=True)
    found = dict(entries(content))
    return {
        name: value
        for name, value in found.items()
        if not any(part in name for part in NOT_OF_THE_TRAINING)
    }


def differing(first: Path, second: Path) -> list[str]:
    """Names of what is not equal, bit for bit, in two checkpoints."""
    a, b = of_the_training(first), of_the_training(second)
    return sorted(
        name
        for name in a.keys() | b.keys()
        if name not in a or name not in b or not _equal(a[name], b[name])
    )


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    return bool(a == b)
