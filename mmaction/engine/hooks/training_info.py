"""What the message hub is told of each training step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import RuntimeInfoHook
from torch import Tensor

from mmaction.checkpoint.training_state import optim_wrappers
from mmaction.engine.optim_wrappers import TrainingOptimWrapper
from mmaction.registry import HOOKS

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner


@HOOKS.register_module()
class TrainingInfoHook(RuntimeInfoHook):
    """mmengine's hook; it takes its place. Logged values are means over the processes.

    They have equally many samples in a step."""

    def after_train_iter(
        self,
        runner: ActionRunner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Tells the step's values; a step that is left out has none."""
        if not outputs:
            return
        values = dict(outputs)
        for wrapper in optim_wrappers(runner.optim_wrapper):
            if isinstance(wrapper, TrainingOptimWrapper) and wrapper.norm is not None:
                values[wrapper.grad_name] = wrapper.norm
        hub = runner.message_hub
        for key, value in zip(values, _means(list(values.values())), strict=True):
            hub.update_scalar(f"train/{key}", value)
        length = _longest_window(runner)
        for key, history in hub.log_scalars.items():
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


def _means(values: list[Tensor | float]) -> list[float]:
    """Scalars of all processes, averaged in one exchange and brought to the host at once."""
    device = next((v.device for v in values if isinstance(v, Tensor)), torch.device("cpu"))
    scalars = [torch.as_tensor(value, device=device).detach().reshape(()) for value in values]
    row = torch.stack([scalar.double() for scalar in scalars])
    if get_world_size() > 1:
        all_reduce(row, op="mean")
    return row.tolist()


def _longest_window(runner: ActionRunner) -> int:
    """How many steps the log looks back on, at least an epoch.

    mmengine copies a history for each value, and keeps a million: milliseconds a step.
    """
    processor = runner.log_processor
    sizes = [processor.window_size, *(c.get("window_size", 0) for c in processor.custom_cfg)]
    if "global" in sizes:
        return runner.max_iters
    return max(len(runner.train_dataloader), *(size for size in sizes if isinstance(size, int)))
