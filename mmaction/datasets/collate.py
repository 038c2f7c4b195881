"""From a batch's items to one dict of stacked tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from torch import Tensor
from torch.utils.data import get_worker_info

from mmaction.errors import DataError
from mmaction.registry import FUNCTIONS


# mmengine looks collate functions up in its own registry, without the scope of the config.
@MMENGINE_FUNCTIONS.register_module()
@FUNCTIONS.register_module()
def collate_clips(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Stack B items of a data set.

    Args:
        items: Each ``inputs`` uint8 V×T×H×W×3, ``color`` float32 3×4, ``sample`` ClipSample.

    Returns:
        ``inputs`` uint8 B×V×T×H×W×3, ``color`` float32 B×3×4, ``samples`` list of B.

    Raises:
        DataError: Clips of different shapes.
    """
    first = items[0]
    for item in items:
        if item["inputs"].shape != first["inputs"].shape:
            raise DataError(
                f"one batch holds clips of different shapes: '{first['sample'].name}' is"
                f" {_shape(first['inputs'])} and '{item['sample'].name}' is"
                f" {_shape(item['inputs'])}; give the pipeline a crop or Resize(size=…)"
            )
    return {
        "inputs": _stack([item["inputs"] for item in items]),
        "color": _stack([item["color"] for item in items]),
        "samples": [item["sample"] for item in items],
    }


def _stack(tensors: list[Tensor]) -> Tensor:
    """Stack; in a worker straight into the shared memory that takes the batch to the main one."""
    if get_worker_info() is None:
        return torch.stack(tensors)
    first = tensors[0]
    count = len(tensors) * first.numel()
    storage = first._typed_storage()._new_shared(count, device=first.device)
    out = first.new(storage).resize_(len(tensors), *first.shape)
    return torch.stack(tensors, out=out)


def _shape(inputs: Tensor) -> str:
    views, frames, height, width, _ = inputs.shape
    return f"{views} views × {frames} frames × {height}×{width} pixels"
