"""What the message hub is told of each training step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.hooks import RuntimeInfoHook

from mmaction.checkpoint.training_state import optim_wrappers
from mmaction.engine.optim_wrappers import TrainingOptimWrapper
from mmaction.registry import HOOKS


@HOOKS.register_module()
class TrainingInfoHook(RuntimeInfoHook):
    """mmengine's hook, which does not wait for the device in each step; it takes its place.

    Losses, accuracies and the gradients' norm stay there until the log wants them, and are means
    over the processes then.
    """

    def before_val(self, runner: Any) -> None:
        """As mmengine's; processes need not be in step from here on."""
        runner.message_hub.settle()
        super().before_val(runner)

    def after_train(self, runner: Any) -> None:
        """As mmengine's; the processes part after this."""
        runner.message_hub.settle()
        super().after_train(runner)

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Hands the step's values on; a step that is left out has none."""
        values = [
            norm
            for wrapper in optim_wrappers(runner.optim_wrapper)
            if isinstance(wrapper, TrainingOptimWrapper)
            for norm in wrapper.take_norm()
        ]
        if not outputs:
            return
        values += [(f"train/{key}", value) for key, value in outputs.items()]
        runner.message_hub.defer(values)
