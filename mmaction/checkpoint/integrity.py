"""Whether a checkpoint is as it was written, and what it says of itself."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mmaction.errors import CheckpointError, first_line

_ZIP = b"PK"


def require_undamaged(path: str | Path) -> None:
    """Compares what ``path`` holds with the checksums in it; reads it once, at a disk's speed.

    ``torch.save`` writes a zip archive, which has a CRC-32 of each tensor, but ``torch.load`` does
    not look at them. A file of another format has none and passes.

    Raises:
        CheckpointError: The file is missing, or differs: names what does.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path}: no such file")
    try:
        if not _is_zip(path):
            return
        with zipfile.ZipFile(path) as archive:
            differing = archive.testzip()
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as e:
        raise CheckpointError(f"checkpoint {path}: damaged ({first_line(e)})") from e
    if differing is not None:
        raise CheckpointError(f"checkpoint {path}: damaged ({differing} fails its checksum)")


def read_meta(path: str | Path) -> dict[str, Any]:
    """What a checkpoint says of itself (``meta``), its tensors left on the disk.

    Returns:
        Empty where the file says nothing.

    Raises:
        CheckpointError: The file can't be read, or needs more than plain data.
    """
    path = Path(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    except Exception as e:  # a damaged file makes the unpickler raise anything
        raise CheckpointError(
            f"checkpoint {path}: broken, or no checkpoint ({type(e).__name__}: {first_line(e)})"
        ) from e
    meta = content.get("meta") if isinstance(content, Mapping) else None
    return dict(meta) if isinstance(meta, Mapping) else {}


def _is_zip(path: Path) -> bool:
    with open(path, "rb") as f:
        return f.read(len(_ZIP)) == _ZIP
