"""Checkpoint files, read so that nothing in them can run; and whether they are as written.

What a pickle may name is torch's own list for tensors and plain data, and nothing more.
"""

from __future__ import annotations

import os
import pickle
import re
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmaction.checkpoint.safetensors_files import is_safetensors, read_safetensors
from mmaction.errors import CheckpointError, first_line
from mmaction.safe_pickle import UnsafePickleError, load_arrays

# Under which keys public checkpoints keep their weights; a file may also hold nothing else.
WEIGHT_KEYS = ("state_dict", "model_state_dict", "model_state")
CONVERTER = "python tools/convert/convert_checkpoint.py"
_ZIP = b"PK"


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU, whatever the environment says of unpickling.

    Returns:
        The file's dict; ``state_dict`` holds the weights by name, without a ``module.`` prefix.

    Raises:
        CheckpointError: The file is missing, broken, needs more than plain data, or has no weights.
    """
    content = _read(path)
    found = [content[key] for key in WEIGHT_KEYS if isinstance(content.get(key), Mapping)]
    state = found[0] if found else content
    weights = {
        str(name).removeprefix("module."): value
        for name, value in state.items()
        if isinstance(value, Tensor)
    }
    if not weights:
        raise CheckpointError(f"checkpoint {path}: holds no weights")
    return {**(content if found else {}), "state_dict": weights}


def read_meta(path: str | Path) -> dict[str, Any]:
    """What a checkpoint says of itself (``meta``), its tensors left on the disk where they can be.

    Returns:
        Empty where the file says nothing.

    Raises:
        CheckpointError: See ``read_checkpoint``.
    """
    meta = _read(path, leave_tensors=True).get("meta")
    return dict(meta) if isinstance(meta, Mapping) else {}


def require_undamaged(path: str | Path) -> None:
    """Compares what ``path`` holds with the checksums in it; reads it once, at a disk's speed.

    ``torch.save`` writes a zip archive, which has a CRC-32 of each tensor, but ``torch.load`` does
    not look at them. A file of another format has none and passes.

    Raises:
        CheckpointError: The file is missing, or differs: names what does.
    """
    path = _existing(path)
    try:
        if not _is_zip(path):
            return
        with zipfile.ZipFile(path) as archive:
            differing = archive.testzip()
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as e:
        raise CheckpointError(f"checkpoint {path}: damaged ({first_line(e)})") from e
    if differing is not None:
        raise CheckpointError(f"checkpoint {path}: damaged ({differing} fails its checksum)")


def _existing(path: str | Path) -> Path:
    if not os.path.isfile(path):
        raise CheckpointError(f"checkpoint {path}: no such file")
    return Path(path)


def _is_zip(path: Path) -> bool:
    with open(path, "rb") as f:
        return f.read(len(_ZIP)) == _ZIP


def _read(path: str | Path, *, leave_tensors: bool = False) -> Mapping[str, Any]:
    path = _existing(path)
    try:
        if is_safetensors(path):
            return read_safetensors(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of a pickle that torch did not write
            mmap = leave_tensors and _is_zip(path)
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception as e:  # noqa: BLE001 - a damaged file makes the unpickler raise anything
        error = in_short(e, path) if isinstance(e, pickle.UnpicklingError) else e
        if isinstance(error, UnsafePickleError):
            what = (
                f"refused, it names {error.name}, which could run code; if you trust who made it:"
                f" {CONVERTER} {path} OUT.pth --trust"
            )
        else:
            what = f"broken, or no checkpoint ({type(error).__name__}: {first_line(error)})"
        raise CheckpointError(f"checkpoint {path}: {what}") from error
    return content if isinstance(content, Mapping) else {}


def in_short(error: pickle.UnpicklingError, path: str | os.PathLike[str]) -> pickle.UnpicklingError:
    """torch's refusal of a file without the advice to unpickle it all the same."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    name = found[1] if found else _first_name(path)
    if name is not None:
        return UnsafePickleError(name)
    found = re.search(r"WeightsUnpickler error: ([^\n]*)", str(error))
    return pickle.UnpicklingError(found[1].strip() if found else "no pickle of weights")


def _first_name(path: str | os.PathLike[str]) -> str | None:
    """What a pickle that torch did not write names first that is no array's part, if anything."""
    if zipfile.is_zipfile(path):
        return None
    try:
        load_arrays(Path(path).read_bytes())
    except UnsafePickleError as e:
        return e.name
    except Exception:  # noqa: BLE001 - a damaged file makes the unpickler raise anything
        return None
    return None
