"""Checkpoints as plain data, which the weights-only unpickler can read back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer


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


def make_plain(checkpoint: dict[str, Any]) -> None:
    """Leaves nothing but plain data in a checkpoint's content, in place.

    mmengine's message hub pickles its buffers with their methods; here they travel as arrays. What
    it keeps as numpy's numbers, such as the time left, becomes Python's.
    """
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


def restore_histories(checkpoint: dict[str, Any]) -> None:
    """Makes mmengine's buffers of what ``make_plain`` has left of them, in place."""
    hub = checkpoint.get("message_hub")
    if hub is None:
        return
    buffers = {}
    for name, kept in hub["log_scalars"].items():
        buffers[name] = HistoryBuffer(
            kept["history"].tolist(), kept["counts"].tolist(), kept["max_length"]
        )
    checkpoint["message_hub"] = {**hub, "log_scalars": buffers}
