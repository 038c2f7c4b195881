"""Weights as safetensors: tensors by name and a few words of text, nothing that could run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mmaction.files import atomic_path

SUFFIX = ".safetensors"


def is_safetensors(path: str | os.PathLike[str]) -> bool:
    """Whether the name is that of a safetensors file."""
    return Path(path).suffix == SUFFIX


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a file onto the CPU.

    Returns:
        ``state_dict``, the tensors by name, and ``meta``, its words of text.

    Raises:
        safetensors.SafetensorError: The file is broken.
        OSError: It can't be read.
    """
    from safetensors import safe_open  # here: a network that loads nothing needs torch alone

    with safe_open(path, framework="pt", device="cpu") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return {"state_dict": state, "meta": file.metadata() or {}}


def write_safetensors(
    path: str | os.PathLike[str],
    state: Mapping[str, Tensor],
    *,
    meta: Mapping[str, str] | None = None,
) -> None:
    """Writes ``state``, whole or not at all; tensors that share memory are written apart.

    Args:
        path: The file.
        state: Tensors by name, on any device.
        meta: Words of text to go with them.
    """
    from safetensors.torch import save

    apart = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
    with atomic_path(path) as temporary:
        # "format" tells other readers whose tensors they are. The library's own ``save_file`` makes
        # files that nobody else may read, whatever the umask.
        temporary.write_bytes(save(apart, metadata={"format": "pt", **(meta or {})}))
