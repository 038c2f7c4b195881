"""Telling a checkpoint made for another network from one that fits, and keeping ours plain data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mmaction.errors import CheckpointError

SHOWN_DIFFERENCES = 3


def differences(model: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """One phrase for each weight that is missing, of another shape, or unknown to ``model``."""
    own = model.state_dict()
    found = []
    for name, value in own.items():
        if name not in state:
            found.append(f"{name} is missing")
        elif state[name].shape != value.shape:
            found.append(
                f"{name} is {tuple(state[name].shape)} there, {tuple(value.shape)} in this network"
            )
    return found + [f"{name} is unknown to this network" for name in state if name not in own]


def require_same_architecture(
    model: nn.Module, state: Mapping[str, Tensor], path: str | Path
) -> None:
    """Refuses weights that do not fit ``model`` one for one.

    Raises:
        CheckpointError: Names the first differing keys and shapes.
    """
    found = differences(model, state)
    if found:
        more = len(found) - SHOWN_DIFFERENCES
        raise CheckpointError(
            f"checkpoint {path} is of another architecture: "
            + "; ".join(found[:SHOWN_DIFFERENCES])
            + (f"; and {more} more" if more > 0 else "")
        )


def require_training_state(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Refuses to resume from a file that holds weights alone.

    Raises:
        CheckpointError: Names what is missing.
    """
    meta = checkpoint.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    missing = [key for key in ("epoch", "iter") if key not in meta]
    missing += [key for key in ("optimizer", "message_hub") if key not in checkpoint]
    if missing:
        raise CheckpointError(
            f"checkpoint {path}: can't be resumed, it holds no {', '.join(missing)}; "
            "--load-from starts a training from its weights"
        )


def fitting_weights(
    model: nn.Module, state: Mapping[str, Tensor], path: str | Path
) -> tuple[dict[str, Tensor], list[str]]:
    """What of ``state`` fits ``model`` by name and shape, for a start from another task's weights.

    Returns:
        The weights that fit, and a phrase for each difference.

    Raises:
        CheckpointError: Fewer than half of the network's weights are there.
    """
    own = model.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    if 2 * len(fitting) < len(own):
        require_same_architecture(model, state, path)
    return fitting, differences(model, state)


def load_weights(
    model: nn.Module, state: Mapping[str, Tensor], path: str | Path, *, strict: bool
) -> list[str]:
    """Loads ``state``, all of it (``strict``) or what fits.

    Returns:
        A phrase for each difference.

    Raises:
        CheckpointError: See ``require_same_architecture``, ``fitting_weights``.
    """
    differing: list[str] = []
    if strict:
        require_same_architecture(model, state, path)
    else:
        state, differing = fitting_weights(model, state, path)
    model.load_state_dict(state, strict=False)
    return differing
