"""Files of weights as plain data: safetensors, or a pickle that names only tensors' parts."""

from __future__ import annotations

import os
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from mmaction.checkpoint.safetensors_files import is_safetensors, read_safetensors
from mmaction.safe_pickle import UnsafePickleError, load_arrays

CONVERTER = "python tools/convert/convert_checkpoint.py"


def load_plain(path: str | os.PathLike[str], *, mmap: bool = False) -> Any:
    """What the file holds, on the CPU. No code in it can run, whatever the environment says.

    What a pickle may name is torch's own list for tensors and plain data, and nothing more.

    Args:
        path: The file.
        mmap: Leave the tensors on the disk until they are used; for the zip archives torch writes.

    Raises:
        UnsafePickleError: It names something else.
        Exception: Whatever a damaged file makes an unpickler raise.
    """
    if is_safetensors(path):
        return read_safetensors(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of a pickle that torch did not write
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as e:
        raise in_short(e, path) from e


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


def refusal(path: str | os.PathLike[str], error: UnsafePickleError) -> str:
    """One line: what is wrong with the file, and how to use it all the same."""
    return (
        f"{path}: refused, it names {error.name}, which could run code; if you trust who made it: "
        f"{CONVERTER} {path} OUT.pth --trust"
    )
