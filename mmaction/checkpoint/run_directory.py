"""The files of a run: whose a directory is, and the newest of its checkpoints that is whole."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from logging import Logger
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process

from mmaction.checkpoint.reading import read_meta, require_undamaged
from mmaction.errors import CheckpointError
from mmaction.files import PART, atomic_path

RUN_FILE = "run.json"
PREVIOUS = "previous"
BEST = "best_"  # begins the names of files that hold weights alone
# What a training leaves beside its checkpoints; its logs have directories of their own.
_LEFT = (RUN_FILE, "last_checkpoint", "bad_videos.txt")


@dataclass(frozen=True)
class RunDirectory:
    """The files of a run.

    Attributes:
        work_dir: Its own.
        checkpoints: Where its checkpoints are; ``work_dir``, or below another directory.
        patterns: Of their names.
    """

    work_dir: Path
    checkpoints: Path
    patterns: Sequence[str] = ("epoch_*.pth", "iter_*.pth", "best_*.pth")

    def run_id(self) -> str | None:
        """Of the run that the directory belongs to; None: of one that had no id, or of none."""
        try:
            found = json.loads((self.work_dir / RUN_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found.get("id") if isinstance(found, dict) else None

    def begin(self) -> tuple[str, Path | None]:
        """Makes the directory a new run's.

        Returns:
            The run's id, and where the files of an older run have gone to, if there were any.
        """
        moved = self._move_older()
        run_id = f"{time.strftime('%Y%m%d_%H%M%S')}_{uuid.uuid4().hex[:6]}"
        self.adopt(run_id)
        return run_id, moved

    def adopt(self, run_id: str) -> None:
        """Makes the directory, with what is in it, that of the run of this id."""
        started = time.strftime("%Y-%m-%d %H:%M:%S")
        record = {"id": run_id, "started": started, "host": socket.gethostname()}
        with atomic_path(self.work_dir / RUN_FILE) as part:
            part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    def newest(self) -> tuple[Path | None, list[str]]:
        """Looks through the run's checkpoints, the most trained first.

        Steps count, not the files' times: copying changes those. Where the run has no id, files of
        all runs count.

        Returns:
            The newest that is whole, if there is one; and a line for each file that is newer, or
            can't be told to be older, and why it was left.
        """
        run_id, candidates, passed_over = self.run_id(), [], []
        for path in sorted(self.checkpoints.glob("*.pth")):
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
                # The end of an epoch is later than its last step.
                candidates.append((int(meta["iter"]), int(meta["epoch"]), path))
        for _, _, path in sorted(candidates, reverse=True):
            try:
                require_undamaged(path)
            except CheckpointError as e:
                passed_over.append(str(e))
                continue
            return path, passed_over
        return None, passed_over

    def agree_on_newest(self, logger: Logger) -> str | None:
        """The newest whole checkpoint, as the first process finds it; all processes call it.

        Args:
            logger: Told of files that are passed over, or that there is nothing to go on from.

        Raises:
            CheckpointError: There are checkpoints, and none of them is whole.
        """
        shared: list[Any] = [self.newest() if is_main_process() else None]
        broadcast_object_list(shared)
        [(newest, passed_over)] = shared
        for reason in passed_over:
            logger.warning(f"passed over: {reason}")
        if newest is not None:
            return os.fspath(newest)
        if passed_over:
            raise CheckpointError(
                f"{self.checkpoints}: none of its checkpoints is whole ({passed_over[0]});"
                " name one with --resume-from, or clear the directory to start anew"
            )
        logger.info(f"no checkpoint in {self.checkpoints} to go on from: the training starts anew")
        return None

    def _move_older(self) -> Path | None:
        older = [self.work_dir / name for name in _LEFT if (self.work_dir / name).exists()]
        checkpoints = {path for name in self.patterns for path in self.checkpoints.glob(name)}
        if not older and not checkpoints:
            return None
        name = self.run_id() or f"before_{time.strftime('%Y%m%d_%H%M%S')}"
        for parent, paths in ((self.work_dir, older), (self.checkpoints, sorted(checkpoints))):
            target = parent / PREVIOUS / name
            for path in paths:
                target.mkdir(parents=True, exist_ok=True)
                path.rename(target / path.name)
        return (self.checkpoints if checkpoints else self.work_dir) / PREVIOUS / name
