"""Weights as safetensors: tensors by name and a few words of text, nothing that could run."""

from __future__ import annotations

import json
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
        data = save(apart, metadata={"format": "pt", **(meta or {})})
        temporary.write_bytes(_in_one_order(data))


def _in_one_order(data: bytes) -> bytes:
    """The same file with its words of text sorted: the library writes them as they come."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + size :]
