"""Writes every tested video's attention maps as they come (``-s``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook

from mmaction.explain import ExplanationWriter, explain_views, write_gallery
from mmaction.registry import HOOKS
from mmaction.structures import VideoResult

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner


@HOOKS.register_module()
class ExplanationHook(Hook):
    """During testing, ``OUT_DIR/<video name>/`` for each video, and a page over all of them.

    Each process writes the videos it tested; the first one writes the page at the end, over the
    videos of this run alone. Videos that an earlier run left in ``out_dir`` stay on the disk.

    Args:
        out_dir: Where to; made where it is missing.
    """

    def __init__(self, *, out_dir: str) -> None:
        self.out_dir = out_dir

    def before_test(self, runner: ActionRunner) -> None:
        self.classes = runner.test_dataloader.dataset.classes
        self.writer = ExplanationWriter(out_dir=self.out_dir)

    def after_test_iter(
        self,
        runner: ActionRunner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: Sequence[VideoResult] | None = None,
    ) -> None:
        assert data_batch is not None
        for result, inputs in zip(outputs or (), data_batch["inputs"], strict=True):
            views = explain_views(result, inputs, classes=self.classes)
            self.writer.write([[view] for view in views])

    def after_test(self, runner: ActionRunner) -> None:
        written = all_gather_object(self.writer.entries)
        if is_main_process():
            write_gallery(
                self.out_dir,
                "Where and when it looked",
                entries=[entry for entries in written for entry in entries],
                classes=self.classes,
            )
