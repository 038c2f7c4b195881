"""Where a run goes on: the newest of its checkpoints that is whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process

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


def find_newest(directory: Path, run_id: str | None = None) -> Found:
    """Looks through the checkpoints in ``directory``, the most trained first.

    Steps count, not the files' times: copying changes those.

    Args:
        directory: Of a run.
        run_id: Its id, which its checkpoints have; None: it is not known, and all of them count.
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
        if run_id is not None and meta.get("run_id") != run_id:
            passed_over.append(f"checkpoint {path}: of another run")
        elif "iter" in meta and "epoch" in meta:
            candidates.append((_progress(meta), path))
    for _, path in sorted(candidates, reverse=True):
        try:
            require_undamaged(path)
        except CheckpointError as e:
            passed_over.append(str(e))
            continue
        return Found(path, passed_over)
    return Found(None, passed_over)


def newest_checkpoint(directory: Path, logger: Logger, *, run_id: str | None = None) -> str | None:
    """The most trained checkpoint in ``directory`` that is whole; all processes call it.

    Args:
        directory: Where the run's checkpoints are; the first process looks.
        run_id: See ``find_newest``.
        logger: Told of files that are passed over, or that there is nothing to go on from.

    Raises:
        CheckpointError: There are checkpoints, and none of them is whole.
    """
    # All processes go on from the file that the first one finds.
    shared: list[Any] = [find_newest(directory, run_id) if is_main_process() else None]
    broadcast_object_list(shared)
    [found] = shared
    for reason in found.passed_over:
        logger.warning(f"passed over: {reason}")
    if found.newest is not None:
        return os.fspath(found.newest)
    if found.passed_over:
        raise CheckpointError(
            f"{directory}: none of its checkpoints is whole ({found.passed_over[0]});"
            " name one with --resume-from, or clear the directory to start anew"
        )
    logger.info(f"no checkpoint in {directory} to go on from: the training starts anew")
    return None


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
