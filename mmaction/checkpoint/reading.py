"""Checkpoint files, read so that nothing in them can run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mmaction.checkpoint.weights_only import load_plain, refusal
from mmaction.errors import CheckpointError, first_line
from mmaction.safe_pickle import UnsafePickleError

# Under which keys public checkpoints keep their weights; a file may also hold nothing else.
WEIGHT_KEYS = ("state_dict", "model_state_dict")


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint onto the CPU with torch's weights-only unpickler: no code in it can run.

    Returns:
        The file's dict; ``state_dict`` holds the weights by name, without a ``module.`` prefix.

    Raises:
        CheckpointError: The file is missing, broken, needs more than plain data, or has no weights.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path}: no such file")
    try:
        content = load_plain(path)
    except UnsafePickleError as e:
        raise CheckpointError(f"checkpoint {refusal(path, e)}") from e
    except Exception as e:  # a damaged file makes the unpickler raise anything
        raise CheckpointError(
            f"checkpoint {path}: broken, or no checkpoint ({type(e).__name__}: {first_line(e)})"
        ) from e
    content = content if isinstance(content, Mapping) else {}
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
