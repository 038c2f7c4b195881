"""Batches of steps that are not finite: kept, and described in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from torch import Tensor, nn

from mmaction.checkpoint.writing import copied, write_whole

if TYPE_CHECKING:
    from mmaction.engine.nonfinite import Look

DIRECTORY = "nonfinite"
MOST_KEPT = 20  # batches of a run
SHOWN = 5


def keep_batch(
    work_dir: Path, batch: Mapping[str, Any], look: Look, model: nn.Module, *, step: int
) -> tuple[Path, str]:
    """Keeps the batch of a step that is not finite, in each process its own, and describes it.

    All processes call it.

    Args:
        work_dir: Of the run.
        batch: As the data loader gave it.
        look: At the step; it has been read.
        model: Gives parameters their names.
        step: Counted from 1.

    Returns:
        Where it is kept, and what was found with whose clips, over all processes.
    """
    samples = list(batch.get("samples", ()))
    names = [sample.name for sample in samples]
    parameters = look.nonfinite_gradients(model)
    several = get_world_size() > 1
    path = work_dir / DIRECTORY / f"step_{step}{f'_process_{get_rank()}' if several else ''}.pth"
    if len(list(path.parent.glob("*.pth"))) < MOST_KEPT:
        content = {
            "step": step,
            "loss": look.loss,
            "names": names,
            "labels": [sample.label for sample in samples],
            "frame_indices": [torch.as_tensor(sample.frame_indices) for sample in samples],
            "nonfinite_gradients": parameters,
            "batch": {key: value for key, value in batch.items() if isinstance(value, Tensor)},
        }
        write_whole(copied(content), path)
    found = all_gather_object((look.bad_loss, look.loss, names, parameters))
    losses = [loss for bad, loss, _, _ in found if bad]
    blamed = [n for bad, _, some, _ in found if bad or not losses for n in some]
    if losses:
        what = f"the loss is {losses[0]:g}"
    else:
        first = [p for _, _, _, some in found for p in some][:1]
        what = f"gradients are not finite (the first: {first[0] if first else 'unknown'})"
    shown = ", ".join(f"'{name}'" for name in blamed[:SHOWN])
    more = f" and {len(blamed) - SHOWN} more" if len(blamed) > SHOWN else ""
    return path, f"step {step}: {what}; clips: {shown}{more}"
