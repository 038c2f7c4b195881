"""What a training loop does with steps that are not finite, and with signals to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.optim import OptimWrapper
from torch import Tensor

from mmaction.checkpoint.training_state import bare_model, optim_wrappers
from mmaction.engine.kept_batches import keep_batch
from mmaction.engine.nonfinite import (
    MOST_IN_A_ROW,
    ON_NONFINITE,
    BufferCopy,
    Look,
    NonfiniteError,
    NonfiniteStep,
    StepGuard,
    skips_on_device,
)
from mmaction.engine.signals import StopSignals
from mmaction.errors import ConfigError


@dataclass(frozen=True)
class _Taken:
    """A step that was taken, and not yet judged."""

    look: Look
    batch: Mapping[str, Any]
    number: int


class GuardedSteps:
    """Takes a training's steps; those that are not finite change nothing.

    Args:
        runner: Of the training.
        on_nonfinite: At such a step, ``'stop'`` with an error, or ``'skip'`` it.
        look_later: Whether a step is judged during the next one, so that the host never waits for
            the device; the device itself leaves a bad step out, which fused optimizers can. None:
            on GPUs, with such an optimizer.

    Attributes:
        signals: The process's own.
        stop_signal: A signal's number, once all processes know of it; 0 before.
        left_out: 1 on the device where it has left the newest step out; None where that was seen
            at once.

    Raises:
        ConfigError: Another ``on_nonfinite``.
    """

    def __init__(self, runner: Any, *, on_nonfinite: str, look_later: bool | None) -> None:
        if on_nonfinite not in ON_NONFINITE:
            raise ConfigError(
                f"on_nonfinite={on_nonfinite!r}: expected one of {', '.join(ON_NONFINITE)}"
            )
        self.runner = runner
        self.signals = StopSignals()
        self.stop_signal = 0
        self.left_out: Tensor | None = None
        self._on_nonfinite = on_nonfinite
        self._look_later = look_later
        self._taken: _Taken | None = None
        self._skipped_in_a_row = 0

    def take(self, batch: Mapping[str, Any], number: int) -> dict[str, Any]:
        """One step.

        Args:
            batch: As the data loader gave it.
            number: Of the step, counted from 1.

        Returns:
            The model's log values; none where the step was found to be a bad one.

        Raises:
            NonfiniteError: With ``'stop'``, or after too many bad steps in a row.
        """
        model, wrapper = self.runner.model, self.runner.optim_wrapper
        if not isinstance(wrapper, OptimWrapper):
            return self._take_unguarded(batch)
        buffers = BufferCopy(model) if self._on_nonfinite == "skip" else None
        guard = StepGuard(wrapper, self.signals, settle=self.settle if self._lags else None)
        refused = False
        try:
            outputs = model.train_step(batch, optim_wrapper=guard)
        except NonfiniteStep:
            outputs, refused = {}, True
        finally:
            guard.close()
        assert guard.look is not None, "train_step calls update_params"
        self._taken = _Taken(guard.look, batch, number)
        self.left_out = guard.look.bad if guard.unread else None
        if not guard.unread:
            self.settle()
        if buffers is not None and (guard.unread or refused):
            buffers.restore(guard.look.bad)
        if refused:
            self._clear_gradients()
        return outputs

    def settle(self) -> None:
        """Judges the newest step, if that is yet to be done; all processes call it.

        Raises:
            NonfiniteError: With ``'stop'``, or after too many bad steps in a row.
        """
        if self._taken is None:
            return
        taken, self._taken = self._taken, None
        bad = taken.look.read()
        self.stop_signal = self.stop_signal or taken.look.stop
        if bad:
            self._meet_nonfinite(taken)
        else:
            self._skipped_in_a_row = 0

    @property
    def _lags(self) -> bool:
        wrapper = self.runner.optim_wrapper
        possible = skips_on_device(wrapper)
        if self._look_later and not possible:
            raise ConfigError(
                "train_cfg.look_later=True needs an optimizer that can skip a step on the device:"
                " optim_wrapper.optimizer.fused=True, of SGD, Adam or AdamW"
            )
        if self._look_later is not None:
            return self._look_later
        return possible and wrapper.optimizer.param_groups[0]["params"][0].is_cuda

    def _take_unguarded(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """With several optimizers, the model itself says when which one steps."""
        outputs = self.runner.model.train_step(batch, optim_wrapper=self.runner.optim_wrapper)
        told = torch.tensor(self.signals.received)
        all_reduce(told, op="max")
        self.stop_signal = self.stop_signal or int(told)
        return outputs

    def _meet_nonfinite(self, taken: _Taken) -> None:
        work_dir = Path(self.runner.work_dir)
        model = bare_model(self.runner.model)
        path, found = keep_batch(work_dir, taken.batch, taken.look, model, step=taken.number)
        self._skipped_in_a_row += 1
        if self._on_nonfinite == "stop":
            raise NonfiniteError(
                f"{found}; the batch is kept in {path}; the weights are as before the step;"
                " on_nonfinite='skip' leaves such steps out"
            )
        if self._skipped_in_a_row >= MOST_IN_A_ROW:
            raise NonfiniteError(
                f"{found}; this is step {self._skipped_in_a_row} in a row that is not finite:"
                f" lower the learning rate, or look at the batches in {path.parent}"
            )
        self.runner.logger.warning(f"{found}; the step is skipped, the batch kept in {path}")

    def _clear_gradients(self) -> None:
        for wrapper in optim_wrappers(self.runner.optim_wrapper):
            wrapper.zero_grad()
            if hasattr(wrapper, "loss_scaler"):
                wrapper.loss_scaler.update()
