"""Telling a checkpoint made for another network from one that fits, and keeping ours plain data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from torch import Tensor, nn

from mmaction.errors import CheckpointError
from mmaction.registry import HOOKS

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


def plain(content: Any) -> Any:
    """``content`` with numpy's numbers and arrays as Python's and torch's, at any depth."""
    if isinstance(content, dict):
        return {plain(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple) and not hasattr(content, "_fields"):
        return type(content)(plain(value) for value in content)
    if isinstance(content, np.generic):
        return content.item()
    if isinstance(content, np.ndarray) and content.dtype.kind in "biuf":
        return torch.from_numpy(content)
    return content


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Keeps checkpoints to plain data, so that the weights-only unpickler can read them back.

    mmengine's message hub pickles its buffers with their methods; here they travel as arrays. What
    it keeps as numpy's numbers, such as the time left, becomes Python's.
    """

    priority = "VERY_LOW"

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        hub = checkpoint.get("message_hub")
        if hub is None:
            return
        scalars = {
            name: dict(
                history=torch.as_tensor(buffer.data[0]).clone(),
                counts=torch.as_tensor(buffer.data[1]).clone(),
                max_length=buffer.max_length,
            )
            for name, buffer in hub["log_scalars"].items()
        }
        checkpoint["message_hub"] = plain({**hub, "log_scalars": scalars})
        checkpoint["meta"] = plain(checkpoint.get("meta", {}))
        for state in checkpoint.get("param_schedulers", ()):
            # Such as one-cycle's annealing function: the scheduler keeps its own.
            for key in [k for k, value in state.items() if callable(value)]:
                del state[key]

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        hub = checkpoint.get("message_hub")
        if hub is None:
            return
        buffers = {}
        for name, kept in hub["log_scalars"].items():
            buffers[name] = HistoryBuffer(
                kept["history"].tolist(), kept["counts"].tolist(), kept["max_length"]
            )
        checkpoint["message_hub"] = {**hub, "log_scalars": buffers}
