"""Tells the heartbeat what the process is at, so that one that others wait for can be named."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook

from mmaction.engine.distributed import working_on
from mmaction.registry import HOOKS


@HOOKS.register_module()
class ProgressSignHook(Hook):
    """Says for each batch when the process waits for it and when it works on it."""

    # Before the logger and what saves: there processes exchange, and those that are early wait.
    priority = 55

    def __init__(self) -> None:
        self._order = 0

    def before_train_epoch(self, runner: Any) -> None:
        self._say(f"waiting for the data of training step {runner.iter + 1}")

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._say(f"in training step {runner.iter + 1}")

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        self._say(f"waiting for the data of training step {runner.iter + 2}")

    def after_train_epoch(self, runner: Any) -> None:
        self._say(f"at the end of epoch {runner.epoch + 1}")

    def before_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._say_only(f"scoring validation batch {batch_idx + 1}")

    def before_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._say_only(f"scoring test batch {batch_idx + 1}")

    def _say(self, doing: str) -> None:
        self._order += 1
        working_on(self._order, doing)

    def _say_only(self, doing: str) -> None:
        """Processes may have one batch more or less to score: it says nothing of who is behind."""
        working_on(self._order, doing)
