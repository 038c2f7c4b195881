"""Which run a training belongs to, and by which settings a resumed one goes on."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dist import broadcast_object_list, is_main_process

from mmaction.checkpoint.settings import differing_settings
from mmaction.engine.loops.resumable import ResumableLoop
from mmaction.engine.run_directory import RunDirectory
from mmaction.errors import CheckpointError

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
