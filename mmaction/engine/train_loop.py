"""Epochs of training that can be stopped after any step, and go on from there."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce, barrier, get_world_size, is_main_process
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from mmaction.engine.distributed import leave_processes, stop_heartbeat
from mmaction.engine.epoch_position import starting_at
from mmaction.engine.nonfinite import (
    MOST_IN_A_ROW,
    ON_NONFINITE,
    BufferCopy,
    NonfiniteError,
    NonfiniteStep,
    StepGuard,
    keep_batch,
)
from mmaction.engine.random_state import set_random_state, unchanged_random_state
from mmaction.engine.resume import position_in_epoch
from mmaction.engine.sharded_tensors import gradient_like
from mmaction.engine.stop_signals import StopSignals, TrainingStopped, write_exit_code
from mmaction.engine.training_state import bare_model, gradients_pending, optim_wrappers
from mmaction.errors import ConfigError
from mmaction.registry import LOOPS


@LOOPS.register_module(name="EpochBasedTrainLoop")
class ResumableTrainLoop(EpochBasedTrainLoop):
    """mmengine's loop, exact across a stop and a resume; it takes its place in this project.

    - Validation draws from a chance of its own: training goes on as if there had been none.
    - A resumed run begins with the batch that comes next, and with chance as it stood then.
    - After a signal it finishes the step, saves and ends; see ``TrainingStopped``.
    - A step whose loss or gradients are not finite changes nothing.

    Args:
        on_nonfinite: At such a step, ``'stop'`` with an error, or ``'skip'`` it.
        **kwargs: mmengine's.

    Raises:
        ConfigError: Another ``on_nonfinite``.
    """

    def __init__(
        self, runner: Any, dataloader: Any, *, on_nonfinite: str = "stop", **kwargs: Any
    ) -> None:
        if on_nonfinite not in ON_NONFINITE:
            raise ConfigError(
                f"on_nonfinite={on_nonfinite!r}: expected one of {', '.join(ON_NONFINITE)}"
            )
        super().__init__(runner, dataloader, **kwargs)
        # Its own, so that a loader's start takes no number from the training's.
        self.dataloader.generator = torch.Generator()
        self.on_nonfinite = on_nonfinite
        self.signals = StopSignals()
        self.stop_signal = 0
        self._start_batch = 0
        self._start_random: Mapping[str, Any] | None = None
        self._start_gradients: Mapping[str, Any] = {}
        self._validation_due = False
        self._skipped_in_a_row = 0

    def state(self, *, batches_done: int) -> dict[str, Any]:
        """What a checkpoint's ``meta`` says beside ``epoch`` and ``iter``, for ``continue_from``.

        Args:
            batches_done: Of the epoch; 0 at its end, which is where the next one begins.
        """
        return {
            "batches_done": batches_done,
            "epoch_batches": len(self.dataloader),
            "samples_a_batch": self._samples_a_batch,
            "validated": batches_done > 0,  # an epoch's end is saved before it is validated
            "sampler_seed": getattr(self.dataloader.sampler, "seed", None),
        }

    def continue_from(self, meta: Mapping[str, Any], own: Mapping[str, Any] | None) -> None:
        """Takes the place that a checkpoint's ``meta`` names.

        Args:
            meta: Of the checkpoint.
            own: What it keeps for this process; None where it keeps nothing that fits.
        """
        self._start_batch, as_before = position_in_epoch(
            meta, batches=len(self.dataloader), samples_a_batch=self._samples_a_batch
        )
        self._validation_due = not meta.get("validated", True)
        if own is None or not as_before:
            self.runner.logger.warning(
                "the checkpoint comes from another number of processes, another batch size or"
                " another program: the run goes on, but not exactly as the stopped one would have"
            )
        if own is not None:
            self._start_random, self._start_gradients = own["random"], own["gradients"]
        if meta.get("sampler_seed") is not None and hasattr(self.dataloader.sampler, "seed"):
            self.dataloader.sampler.seed = meta["sampler_seed"]

    @property
    def _samples_a_batch(self) -> int:
        return self.dataloader.batch_sampler.batch_size * get_world_size()

    def run(self) -> nn.Module:
        """Trains, validates, and ends where a signal asks for it."""
        with self.signals.noted():
            self.runner.call_hook("before_train")
            self._restore_chance()
            self._restore_gradients()
            if self._validation_due:
                self._validate_if_due()
            while self._epoch < self._max_epochs and not self.stop_training:
                self.run_epoch()
                self._validate_if_due()
            self.runner.call_hook("after_train")
        return self.runner.model

    def run_epoch(self) -> None:
        """From its first batch on, or, where a run goes on, from the next."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        self.dataloader.generator.manual_seed(self._epoch)
        start, self._start_batch = self._start_batch, 0
        with starting_at(self.dataloader, start):
            batches = iter(self.dataloader)
            self._restore_chance()  # hooks may have drawn
            self._start_random = None
            for idx, data_batch in enumerate(batches, start):
                self.run_iter(idx, data_batch)
                if self.stop_signal and not gradients_pending(self.runner.optim_wrapper):
                    self.end_stopped()
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """One step, its loss and gradients looked at before they reach the weights."""
        self.runner.call_hook("before_train_iter", batch_idx=idx, data_batch=data_batch)
        outputs = self._train_step(data_batch)
        self.runner.call_hook(
            "after_train_iter", batch_idx=idx, data_batch=data_batch, outputs=outputs
        )
        self._iter += 1

    def _train_step(self, data_batch: Any) -> dict[str, Any]:
        model, wrapper = self.runner.model, self.runner.optim_wrapper
        if not isinstance(wrapper, OptimWrapper):
            # Several optimizers: the model itself says when which one steps.
            outputs = model.train_step(data_batch, optim_wrapper=wrapper)
            told = torch.tensor(self.signals.received)
            all_reduce(told, op="max")
            self.stop_signal = self.stop_signal or int(told)
            return outputs
        buffers = BufferCopy(model) if self.on_nonfinite == "skip" else None
        guard = StepGuard(wrapper, self.signals)
        try:
            outputs = model.train_step(data_batch, optim_wrapper=guard)
            self._skipped_in_a_row = 0
        except NonfiniteStep:
            self._meet_nonfinite(data_batch, guard)
            assert buffers is not None
            buffers.restore()
            outputs = {}
        finally:
            guard.close()
        self.stop_signal = self.stop_signal or guard.stop
        return outputs

    def _meet_nonfinite(self, data_batch: Any, guard: StepGuard) -> None:
        work_dir = Path(self.runner.work_dir)
        model = bare_model(self.runner.model)
        path, found = keep_batch(work_dir, data_batch, guard, model, step=self._iter + 1)
        self._skipped_in_a_row += 1
        if self.on_nonfinite == "stop":
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
        for wrapper in optim_wrappers(self.runner.optim_wrapper):
            wrapper.zero_grad()
            if hasattr(wrapper, "loss_scaler"):
                wrapper.loss_scaler.update()

    def end_stopped(self) -> None:
        """Ends a training that is saved, all processes together.

        Raises:
            TrainingStopped: Always.
        """
        self.runner.checkpoint_writer.wait()
        # torchrun ends all when it sees the first one gone: none goes before the file is whole.
        barrier()
        stopped = self._stopped(self.stop_signal)
        leave_processes()
        raise stopped

    def end_validation(self) -> None:
        """Ends this process of a training that is saved, while it validates.

        Raises:
            TrainingStopped: Always.
        """
        self.runner.checkpoint_writer.wait()
        stop_heartbeat()
        raise self._stopped(self.signals.received)

    def _stopped(self, number: int) -> TrainingStopped:
        stopped = TrainingStopped(number)
        saved = self.runner.message_hub.get_info("last_ckpt")
        what = f"--resume-from auto goes on from {saved}" if saved else "nothing is saved"
        self.runner.logger.warning(
            f"stopped by {signal.Signals(number).name} after {self._iter} steps, in epoch"
            f" {self._epoch + 1}: {what} (exit code {stopped.code})"
        )
        if is_main_process():
            write_exit_code(stopped.code)
        return stopped

    def _validate_if_due(self) -> None:
        self._decide_current_val_interval()
        loop = self.runner.val_loop
        last = self._epoch == self._max_epochs
        due = self._epoch >= self.val_begin and (self._epoch % self.val_interval == 0 or last)
        self._validation_due = False
        if loop is None or not due:
            return
        self.runner.call_hook("before_validation")
        with unchanged_random_state():
            loop.run()
        self.runner.call_hook("after_validation")

    def _restore_chance(self) -> None:
        if self._start_random is not None:
            set_random_state(self._start_random)

    def _restore_gradients(self) -> None:
        parameters = dict(bare_model(self.runner.model).named_parameters())
        for name, gradient in self._start_gradients.items():
            parameters[name].grad = gradient_like(gradient, parameters[name])
        self._start_gradients = {}
