"""Which run a training belongs to, and by which settings a resumed one goes on."""

from __future__ import annotations

import json
import socket
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dist import broadcast_object_list, is_main_process

from mmaction.checkpoint.settings import differing_settings
from mmaction.engine.loops.resumable import ResumableLoop
from mmaction.errors import CheckpointError
from mmaction.files import atomic_path

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner
    from mmaction.engine.schedules import Start

# What decides how a rate goes on; another value of these and the schedule is that of the config.
_OF_SCHEDULES = (
    "optim_wrapper.",
    "param_scheduler",
    "train_cfg.max_",
    "train_dataloader.batch_size",
    "auto_scale_lr.",
)
_SEED = "randomness.seed"  # stays the checkpoint's
SHOWN = 20


def join_run(runner: ActionRunner, directory: RunDirectory, *, resumed_id: str | None) -> str:
    """Goes on with the run that ``directory`` belongs to, or begins a new one there.

    Args:
        runner: Of a training, which has loaded what it starts from; all processes call it.
        directory: Its own.
        resumed_id: Of the run whose checkpoint it goes on from, if it has one.

    Returns:
        The run's id.
    """
    shared: list[Any] = [None, None]
    if is_main_process():
        current = directory.run_id()
        record = dict(started=time.strftime("%Y-%m-%d %H:%M:%S"), host=socket.gethostname())
        inside = runner._resume and Path(str(runner._load_from)).parent == directory.checkpoints
        if runner._resume and current is not None and current == resumed_id:
            shared = [current, None]
        elif inside and current is None and resumed_id is not None:
            directory.adopt(resumed_id, record)  # checkpoints that were copied here
            shared = [resumed_id, None]
        elif inside and current is None:  # from before runs had ids
            shared = [f"from_{Path(str(runner._load_from)).stem}", None]
            directory.adopt(shared[0], record)
        else:
            shared = list(directory.begin(record))
    broadcast_object_list(shared)
    run_id, moved = shared
    if moved is not None:
        runner.logger.warning(f"checkpoints and records of an older run are now in {moved}")
    runner.logger.info(f"run {run_id}")
    return run_id


def require_same_run(meta: Mapping[str, Any], settings: Mapping[str, str], path: str) -> None:
    """Refuses that ``resume_from='auto'`` goes on with another model or other data lists.

    Args:
        meta: The checkpoint's.
        settings: The run's own, see ``ActionRunner.settings``.
        path: The checkpoint's, for messages.

    Raises:
        CheckpointError: Names the first difference.
    """
    for key, (before, now) in differing_settings(
        meta.get("settings") or settings, settings
    ).items():
        if key.startswith("model.") or "SHA-256" in key:
            raise CheckpointError(
                f"{path}: {key} is {before} there and {now} in the config: --resume-from auto goes"
                " on with the same model and data lists; name the file to go on from it all the"
                " same, or start in another --work-dir"
            )


def take_settings(runner: ActionRunner, start: Start, meta: Mapping[str, Any]) -> None:
    """Goes on by the config's settings, and says which of them are not the checkpoint's.

    Where those of optimizers and schedules differ, or the run's length or its batches do, the
    schedules are the config's from their beginning, at the share of the run that is done.

    Args:
        runner: Resumed; its loop is where it goes on.
        start: Of its optimizers and schedules.
        meta: The checkpoint's.
    """
    before = meta.get("settings")
    if before is None:
        runner.logger.warning(
            "the checkpoint does not say what it was trained by: learning rate and schedule are"
            " its own, whatever the config says"
        )
        return
    differing = differing_settings(before, runner.settings)
    lines = [
        f"    {key}: {old} before, {new} now" + (", not taken" if key == _SEED else "")
        for key, (old, new) in list(differing.items())[:SHOWN]
    ]
    if differing:
        more = f"\n    and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        said = "\n".join(lines)
        runner.logger.warning(f"settings that differ from the checkpoint's:\n{said}{more}")
    loop = runner.train_loop
    other_batches = isinstance(loop, ResumableLoop) and not loop.batches_as_before(meta)
    if other_batches or any(key.startswith(_OF_SCHEDULES) for key in differing):
        epoch_steps = len(runner.train_dataloader)
        start.go_on(
            runner.optim_wrapper,
            runner.param_schedulers,
            steps=runner.iter,
            epoch_steps=epoch_steps,
        )
        runner.logger.warning(
            "learning rate and schedule are the config's, at"
            f" {runner.iter / runner.max_iters:.0%} of the run ({runner.iter} of"
            f" {runner.max_iters} steps)"
        )


def run_directory(runner: ActionRunner, hook: Any) -> RunDirectory:
    """Of a training whose checkpoints ``hook`` saves, if one does."""
    work_dir = Path(runner.work_dir)
    if hook is None:
        return RunDirectory(work_dir, work_dir)
    names = {hook.filename_tmpl.format("*"), "iter_*.pth", "best_*.pth"}
    return RunDirectory(work_dir, hook.directory(runner), tuple(sorted(names)))


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
