"""Videos that could not be read: each logged once, and a limit to how many there may be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook

from mmaction.errors import DataError
from mmaction.files import atomic_path
from mmaction.registry import HOOKS

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner

LIST_FILE = "bad_videos.txt"
SHOWN = 5


@HOOKS.register_module()
class BadVideoHook(Hook):
    """Watches a training whose data set has ``on_error='resample'``.

    Each process counts the videos it met; after every epoch they are put together. All of them,
    with reasons, stand in ``work_dir/bad_videos.txt``.

    Raises:
        DataError: More than the data set's ``max_bad_fraction`` of its videos can't be read.
    """

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def after_train_iter(
        self,
        runner: ActionRunner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> None:
        found = {
            bad.name: bad.reason
            for sample in (data_batch or {}).get("samples", ())
            for bad in sample.replaces
            if bad.name not in self.reasons
        }
        if not found:
            return
        for reason in found.values():
            runner.logger.warning(f"another video is taken in its place: {reason}")
        self.reasons |= found
        self._check(runner)

    def after_train_epoch(self, runner: ActionRunner) -> None:
        if getattr(runner.train_dataloader.dataset, "on_error", "raise") == "raise":
            return
        for reasons in all_gather_object(self.reasons):
            self.reasons |= reasons
        if self.reasons:
            self._check(runner)

    def _check(self, runner: ActionRunner) -> None:
        dataset = runner.train_dataloader.dataset
        if is_main_process():
            with atomic_path(Path(runner.work_dir) / LIST_FILE) as path:
                lines = [f"{name}\t{self.reasons[name]}\n" for name in sorted(self.reasons)]
                path.write_text("".join(lines), encoding="utf-8")
        share = len(self.reasons) / len(dataset)
        if share > dataset.max_bad_fraction:
            shown = "; ".join(list(self.reasons.values())[:SHOWN])
            more = "; …" if len(self.reasons) > SHOWN else ""
            raise DataError(
                f"{len(self.reasons)} of {len(dataset)} videos can't be read ({share:.1%}), more"
                f" than max_bad_fraction={dataset.max_bad_fraction:g} allows: {shown}{more}"
                f" (all of them: {Path(runner.work_dir) / LIST_FILE})"
            )
