"""Files that need their code to run to be read, for those who trust who made them.

Run as a module, in a process of its own: ``python -m mmaction.convert.trusted_file SRC OUT``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmaction.checkpoint.reading import WEIGHT_KEYS, read_checkpoint
from mmaction.errors import CheckpointError, first_line
from mmaction.exit_codes import EXIT_UNREADABLE


def read_trusted(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Unpickles ``path`` with all that it asks for, in a process of its own.

    THE FILE'S CODE RUNS, with this user's rights. Only tensors come back: nothing that the file
    defines or imports stays in this process.

    Returns:
        The weights by name, without ``module.``, on the CPU.

    Raises:
        CheckpointError: The file is missing, can't be read or holds no weights.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"checkpoint {path}: no such file")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "weights.pth"
        module = "mmaction.convert.trusted_file"
        # This project may be run from where it lies: the process has to find it as this one did.
        places = os.pathsep.join(p for p in sys.path if p)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", module, os.fspath(path), os.fspath(plain)],
            env={**os.environ, "PYTHONPATH": places},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode != 0 or not plain.is_file():
            said = f"its code ended the process, exit code {done.returncode}"
            if done.returncode == EXIT_UNREADABLE:
                said = (done.stderr.strip().splitlines() or [said])[-1]
            raise CheckpointError(f"checkpoint {path}: can't be unpickled ({said})")
        try:
            return read_checkpoint(plain)["state_dict"]
        except CheckpointError as e:
            raise CheckpointError(f"checkpoint {path}: holds no weights") from e


def _tensors(content: Any) -> dict[str, Tensor]:
    """The weights in what a file may hold: a network, a dict of weights, or a dict with one."""
    if isinstance(content, nn.Module):
        return _tensors(content.state_dict())
    if not isinstance(content, Mapping):
        return {}
    for key in WEIGHT_KEYS:
        if isinstance(content.get(key), Mapping | nn.Module):
            return _tensors(content[key])
    return {
        str(name): value.detach().cpu().as_subclass(Tensor).clone()
        for name, value in content.items()
        if isinstance(value, Tensor)
    }


def main() -> int:
    """Writes the weights of the first argument's file to the second's, as plain data."""
    source, out = sys.argv[1:]
    try:
        content = torch.load(source, map_location="cpu", weights_only=False)
    except Exception as e:  # noqa: BLE001 - code of the file's own can raise anything
        print(f"{type(e).__name__}: {first_line(e)}", file=sys.stderr)
        return EXIT_UNREADABLE
    torch.save({"state_dict": _tensors(content)}, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
