"""What ``resume_from='auto'`` goes on from."""

from __future__ import annotations

import os
from logging import Logger
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process

from mmaction.checkpoint.resume import find_newest
from mmaction.errors import CheckpointError


def newest_checkpoint(directory: Path, logger: Logger) -> str | None:
    """The most trained checkpoint in ``directory`` that is whole; all processes call it.

    Args:
        directory: Where the run's checkpoints are; the first process looks.
        logger: Told of files that are passed over, or that there is nothing to go on from.

    Raises:
        CheckpointError: There are checkpoints, and none of them is whole.
    """
    # All processes go on from the file that the first one finds.
    shared: list[Any] = [find_newest(directory) if is_main_process() else None]
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
