"""What the message hub is told of each training step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmengine.hooks import RuntimeInfoHook

from mmaction.registry import HOOKS

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner


@HOOKS.register_module()
class TrainingInfoHook(RuntimeInfoHook):
    """mmengine's hook; it takes its place.

    Logged values are means over the processes, which have equally many samples in a step: such they
    are given by ``StepGuard``.
    """

    def after_train_iter(
        self,
        runner: ActionRunner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """As mmengine's; histories are as long as what reads them."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        length = _longest_window(runner)
        for key, history in runner.message_hub.log_scalars.items():
            if key.startswith("train/"):
                history.max_length = length

    def after_val_epoch(self, runner: ActionRunner, metrics: dict[str, Any] | None = None) -> None:
        """As mmengine's, which drops whole numbers on their way to the log's JSON."""
        super().after_val_epoch(runner, _whole_as_float(metrics))

    def after_test_epoch(self, runner: ActionRunner, metrics: dict[str, Any] | None = None) -> None:
        """As ``after_val_epoch``."""
        super().after_test_epoch(runner, _whole_as_float(metrics))


def _whole_as_float(metrics: dict[str, Any] | None) -> dict[str, Any] | None:
    return metrics and {k: float(v) if isinstance(v, int) else v for k, v in metrics.items()}


def _longest_window(runner: ActionRunner) -> int:
    """How many steps the log looks back on, at least an epoch.

    mmengine copies a history for each value, and keeps a million: milliseconds a step.
    """
    processor = runner.log_processor
    sizes = [processor.window_size, *(c.get("window_size", 0) for c in processor.custom_cfg)]
    if "global" in sizes:
        return runner.max_iters
    return max(len(runner.train_dataloader), *(size for size in sizes if isinstance(size, int)))
