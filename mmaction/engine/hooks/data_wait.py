"""How much of a training's time goes by while it waits for data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook

from mmaction.registry import HOOKS

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner

WINDOW = 10  # steps; what mmengine averages times over


@HOOKS.register_module()
class DataWaitHook(Hook):
    """Logs ``data_share`` in [0, 1]: time spent waiting for batches over the time of whole steps.

    Above a few percent, more workers, a faster disk or smaller frames would make the run faster.
    Runs after the timer that it reads, as it is registered after it.
    """

    priority = "NORMAL"

    def after_train_iter(self, runner: ActionRunner, *_: Any, **__: Any) -> None:
        hub = runner.message_hub
        waited, whole = (
            hub.get_scalar(f"train/{key}").mean(WINDOW) for key in ("data_time", "time")
        )
        hub.update_scalar("train/data_share", float(waited / whole))
