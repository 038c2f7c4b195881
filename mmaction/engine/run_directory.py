"""What a ``work_dir`` belongs to: one run, told from older ones by its id."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmaction.files import atomic_path

RUN_FILE = "run.json"
PREVIOUS = "previous"
# What a training leaves beside its checkpoints; its logs have directories of their own.
_LEFT = (RUN_FILE, "last_checkpoint", "bad_videos.txt", "nonfinite")


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
        return self._record().get("id")

    def begin(self, record: Mapping[str, Any]) -> tuple[str, Path | None]:
        """Makes the directory a new run's.

        Args:
            record: What ``run.json`` is to say beside the id.

        Returns:
            The run's id, and where the files of an older run have gone to, if there were any.
        """
        moved = self._move_older()
        run_id = f"{time.strftime('%Y%m%d_%H%M%S')}_{uuid.uuid4().hex[:6]}"
        self.adopt(run_id, record)
        return run_id, moved

    def adopt(self, run_id: str, record: Mapping[str, Any]) -> None:
        """Makes the directory, with what is in it, that of the run of this id."""
        with atomic_path(self.work_dir / RUN_FILE) as part:
            part.write_text(json.dumps({"id": run_id, **record}, indent=2) + "\n", encoding="utf-8")

    def _record(self) -> dict[str, Any]:
        try:
            found = json.loads((self.work_dir / RUN_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _move_older(self) -> Path | None:
        older = [self.work_dir / name for name in _LEFT if (self.work_dir / name).exists()]
        found = {path for name in self.patterns for path in self.checkpoints.glob(name)}
        checkpoints = sorted(found)
        if not older and not checkpoints:
            return None
        name = self.run_id() or f"before_{time.strftime('%Y%m%d_%H%M%S')}"
        for parent, paths in ((self.work_dir, older), (self.checkpoints, checkpoints)):
            target = parent / PREVIOUS / name
            for path in paths:
                target.mkdir(parents=True, exist_ok=True)
                path.rename(target / path.name)
        return (self.checkpoints if checkpoints else self.work_dir) / PREVIOUS / name
