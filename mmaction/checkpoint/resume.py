"""Where a run goes on: the newest of its checkpoints that is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmaction.checkpoint.integrity import read_meta, require_undamaged
from mmaction.errors import CheckpointError
from mmaction.files import PART

BEST = "best_"  # begins the names of files that hold weights alone


@dataclass(frozen=True)
class Found:
    """What a directory has to go on from.

    Attributes:
        newest: By steps trained, of those that are whole; None where there is none.
        passed_over: A line for each file that is newer, or can't be told to be older, and why it
            was left.
    """

    newest: Path | None
    passed_over: list[str] = field(default_factory=list)


def find_newest(directory: Path) -> Found:
    """Looks through the checkpoints in ``directory``, the most trained first.

    Steps count, not the files' times: copying changes those.
    """
    candidates, passed_over = [], []
    for path in sorted(directory.glob("*.pth")):
        if path.name.startswith((BEST, PART)):
            continue
        try:
            meta = read_meta(path)
        except CheckpointError as e:
            passed_over.append(str(e))
            continue
        if "iter" in meta and "epoch" in meta:
            candidates.append((_progress(meta), path))
    for _, path in sorted(candidates, reverse=True):
        try:
            require_undamaged(path)
        except CheckpointError as e:
            passed_over.append(str(e))
            continue
        return Found(path, passed_over)
    return Found(None, passed_over)


def _progress(meta: Mapping[str, Any]) -> tuple[int, int]:
    """Steps, then epochs: the end of an epoch is later than its last step."""
    return int(meta["iter"]), int(meta["epoch"])


def position_in_epoch(
    meta: Mapping[str, Any], *, batches: int, samples_a_batch: int
) -> tuple[int, bool]:
    """Which batch of its epoch a resumed run begins with.

    Args:
        meta: The checkpoint's.
        batches: Length of an epoch now.
        samples_a_batch: Of all processes together, now.

    Returns:
        The number of batches that are done, and whether the epoch is cut into batches as before;
        otherwise the number is for as many samples as were seen.
    """
    if "batches_done" not in meta:  # mmengine's own, which says it by the steps
        done = meta["iter"] - meta["epoch"] * batches
        return (done, True) if 0 <= done < batches else (0, done == 0)
    done = meta["batches_done"]
    if meta["epoch_batches"] == batches and meta["samples_a_batch"] == samples_a_batch:
        return done, True
    return min(batches, done * meta["samples_a_batch"] // samples_a_batch), done == 0
