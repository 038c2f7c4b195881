"""Shows a few videos' attention after every few epochs, so that one can watch it form."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.dist import gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from mmaction.datasets.transforms.crops import middle_view
from mmaction.errors import ConfigError, near
from mmaction.explain import explain_views, render_sheet
from mmaction.registry import HOOKS
from mmaction.structures import VideoResult

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner

# A tag becomes a file's name: 255 bytes hold it with letters of four bytes, too.
MOST_LETTERS = 50


@HOOKS.register_module()
class AttentionSheetHook(Hook):
    """During validation, hands sheets of a few fixed videos to the run's visualizer.

    All its back ends get them: ``vis_data/vis_image/`` on the disk, TensorBoard where the config
    names it, and so on. A sheet is tagged ``attention_<position>_<video name>``, its step is the
    epoch, as that of the validation's accuracies. Of several views the middle crop of the middle
    clip is shown.

    Args:
        interval: Epochs from sheets to sheets, 1 or more; they come with the first validation that
            is due, and with the training's last epoch.
        number: How many videos, 1 or more, evenly spread over the validation set ordered by class;
            all of them where there are no more.
        names: The videos to show, by name, in place of a number of them.

    Raises:
        ConfigError: An argument out of range; before the training, a name that no validation video
            has, a recognizer without attention, or a training that does not go by epochs.
    """

    def __init__(
        self,
        *,
        interval: int = 1,
        number: int = 4,
        names: str | Sequence[str] | None = None,
    ) -> None:
        for key, value in (("interval", interval), ("number", number)):
            if not isinstance(value, int) or value < 1:
                raise ConfigError(
                    f"AttentionSheetHook: {key}={value!r}: expected a whole number, 1 or more"
                )
        self.interval = interval
        self.number = number
        self.names = [names] if isinstance(names, str) else names
        self._chosen: set[int] = set()
        self._sheets: dict[int, tuple[str, np.ndarray]] = {}

    def before_train(self, runner: ActionRunner) -> None:
        """Makes sure that there will be sheets."""
        if runner.val_loop is None:
            runner.logger.warning("AttentionSheetHook: no validation, so no sheets of attention")
            return
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ConfigError(
                "AttentionSheetHook counts epochs: expected train_cfg.type='EpochBasedTrainLoop'"
            )
        dataset = runner.val_dataloader.dataset
        self._chosen = choose_videos(dataset, number=self.number, names=self.names)
        if getattr(runner.network, "attention_branch", None) is None:
            raise ConfigError(
                f"AttentionSheetHook: model.type={runner.cfg.model.type!r} makes no attention maps;"
                " expected STABN or another recognizer with an attention_branch, or no such hook"
            )

    def after_val_iter(
        self,
        runner: ActionRunner,
        batch_idx: int,
        data_batch: dict[str, Any] | None = None,
        outputs: Sequence[VideoResult] | None = None,
    ) -> None:
        assert data_batch is not None
        if not self._due(runner):
            return
        dataset = runner.val_dataloader.dataset
        for result, inputs in zip(outputs or (), data_batch["inputs"], strict=True):
            if result.sample.index in self._chosen:
                views = explain_views(result, inputs, classes=dataset.classes)
                shown = views[middle_view(dataset.pipeline.transforms, len(views))]
                self._sheets[result.sample.index] = (result.sample.name, render_sheet(shown))

    def after_val_epoch(
        self, runner: ActionRunner, metrics: dict[str, float] | None = None
    ) -> None:
        if not self._due(runner):
            return
        # Only the first process has back ends; each of the others has some of the videos.
        gathered = gather_object(self._sheets)
        self._sheets = {}
        if not is_main_process():
            return
        sheets = {index: sheet for part in gathered for index, sheet in part.items()}
        for index, (name, sheet) in sorted(sheets.items()):
            runner.visualizer.add_image(sheet_tag(index, name), sheet, step=runner.epoch)

    def _due(self, runner: ActionRunner) -> bool:
        """Whether a multiple of the interval has come since the validation before this one."""
        if runner.epoch >= runner.max_epochs:
            return True
        before = runner.epoch - runner.val_interval
        return runner.epoch // self.interval > before // self.interval


def choose_videos(dataset: Any, *, number: int, names: Sequence[str] | None = None) -> set[int]:
    """Positions of the videos to show: the same ones each time, none drawn at random.

    Args:
        dataset: A ``ClipDataset``.
        number: How many; the middles of that many equal parts of the videos ordered by class.
        names: The videos by name, in place of a number.

    Raises:
        ConfigError: A name that no video has.
    """
    if names is None:
        # By class: a list that goes round its classes would give the same class again and again.
        order = np.argsort(dataset.labels, kind="stable")
        number = min(number, len(order))
        return {int(order[(2 * part + 1) * len(order) // (2 * number)]) for part in range(number)}
    positions: dict[str, int] = {}
    for index in range(len(dataset)):
        positions.setdefault(dataset.name(index), index)
    unknown = [name for name in names if name not in positions]
    if unknown:
        raise ConfigError(
            f"AttentionSheetHook: names: no validation video is called {unknown[0]!r}"
            f"{near(unknown[0], positions)}"
        )
    return {positions[name] for name in names}


def sheet_tag(index: int, name: str) -> str:
    """What a video's sheets are called: no slash in it, and no other video has the same."""
    plain = re.sub(r"[^\w.-]+", "_", name)
    return f"attention_{index}_{plain[:MOST_LETTERS]}"
