"""Training that can be stopped after any step, and goes on from there: what its loops share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from mmengine.dist import all_reduce_params, barrier, get_world_size, is_main_process
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, IterBasedTrainLoop
from torch import nn

from mmaction.checkpoint.rng_state import set_rng_state, unchanged_rng_state
from mmaction.checkpoint.sharded_tensors import gradient_like
from mmaction.checkpoint.training_state import gradients_pending
from mmaction.datasets.batches import starting_at
from mmaction.engine.distributed import leave_processes
from mmaction.engine.nonfinite import StepGuard
from mmaction.engine.signals import TrainingStopped
from mmaction.exit_codes import write_exit_code
from mmaction.registry import LOOPS

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner


class ResumableLoop(BaseLoop):
    """Goes before one of mmengine's training loops in a class's bases, and makes it exact.

    - Validation draws from random numbers of its own: training goes on as if there had been none.
    - A resumed run begins with the batch that comes next, and with the rng state as it was then.
    - After a signal it finishes the step, saves and ends; see ``TrainingStopped``.
    - A step whose loss or gradients are not finite changes nothing.

    Args:
        on_nonfinite: At such a step, ``'stop'`` with an error, or ``'skip'`` it.
        **kwargs: mmengine's.

    Attributes:
        steps: Takes them.
        batches_done: Of the epoch that is trained, the newest step's among them.

    Raises:
        ConfigError: Another ``on_nonfinite``.
    """

    counts_steps: ClassVar[bool]  # whether steps, not epochs, are what a run's length is told in

    # mmengine's loops have these.
    _epoch: int
    _iter: int
    _max_epochs: int
    _max_iters: int
    val_begin: int
    val_interval: int
    stop_training: bool
    _decide_current_val_interval: Callable[[], None]

    def __init__(
        self,
        runner: ActionRunner,
        dataloader: Any,
        *,
        on_nonfinite: str = "stop",
        **kwargs: Any,
    ) -> None:
        self.steps = StepGuard(runner, on_nonfinite=on_nonfinite)
        super().__init__(runner, dataloader, **kwargs)
        # Its own, so that a loader's start takes no number from the training's.
        self.dataloader.generator = torch.Generator()
        self.batches_done = 0
        self._start_random: Mapping[str, Any] | None = None
        self._validation_due = False

    def state(self, *, batches_done: int) -> dict[str, Any]:
        """What a checkpoint's ``meta`` says beside ``epoch`` and ``iter``, for ``continue_from``.

        Args:
            batches_done: Of the epoch; 0 at its end, which is where the next one begins.
        """
        return {
            "batches_done": batches_done,
            "epoch_batches": len(self.dataloader),
            "samples_a_batch": self._samples_a_batch,
            # What may be due for validation is saved before it.
            "validated": batches_done > 0 and not self.counts_steps,
            "sampler_seed": getattr(self.dataloader.sampler, "seed", None),
        }

    def continue_from(self, meta: Mapping[str, Any], own: Mapping[str, Any] | None) -> None:
        """Takes the place that a checkpoint's ``meta`` names.

        Args:
            meta: Of the checkpoint.
            own: What it keeps for this process; None where it keeps nothing that fits.
        """
        if self.counts_steps and "batches_done" not in meta:  # mmengine's own, told in steps alone
            self._epoch = meta["iter"] // len(self.dataloader)
            meta = {**meta, "epoch": self._epoch}
        self.batches_done, as_before = position_in_epoch(
            meta, batches=len(self.dataloader), samples_a_batch=self._samples_a_batch
        )
        if not self.counts_steps and "epoch_batches" in meta and not self.batches_as_before(meta):
            self._iter = self._epoch * len(self.dataloader) + self.batches_done
        self._validation_due = not meta.get("validated", True)
        if own is None or not as_before:
            self.runner.logger.warning(
                "the checkpoint comes from another number of processes, another batch size or"
                " another program: the run goes on, but not exactly as the stopped one would have"
            )
        if own is not None:
            self._start_random = own["random"]
            parameters = dict(self.runner.network.named_parameters())
            for name, gradient in own["gradients"].items():
                parameters[name].grad = gradient_like(gradient, parameters[name])
        if meta.get("sampler_seed") is not None and hasattr(self.dataloader.sampler, "seed"):
            self.dataloader.sampler.seed = meta["sampler_seed"]

    def batches_as_before(self, meta: Mapping[str, Any]) -> bool:
        """Whether an epoch is cut into batches as it was in the run that ``meta`` is of."""
        now = self.state(batches_done=0)
        return all(meta.get(key) == now[key] for key in ("epoch_batches", "samples_a_batch"))

    @property
    def _samples_a_batch(self) -> int:
        return self.dataloader.batch_sampler.batch_size * get_world_size()

    def run(self) -> nn.Module:
        """Trains, validates, and ends where a signal asks for it."""
        with self.steps.signals.noted():
            self.runner.call_hook("before_train")
            self._restore_rng_state()
            if self._validation_due:
                self._validate_if_due()
            while not self._at_end() and not self.stop_training:
                self.run_epoch()
                if not self.counts_steps:
                    self._validate_if_due()
            self.runner.call_hook("after_train")
        return self.runner.model

    def run_epoch(self) -> None:
        """From its first batch on, or, where a run goes on, from the next."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        self.dataloader.generator.manual_seed(self._epoch)
        with starting_at(self.dataloader, self.batches_done):
            batches = iter(self.dataloader)
            self._restore_rng_state()  # hooks may have drawn
            self._start_random = None
            for idx, data_batch in enumerate(batches, self.batches_done):
                self.run_iter(idx, data_batch)
                if self.steps.stop_signal and not gradients_pending(self.runner.optim_wrapper):
                    self.end_stopped(self.steps.stop_signal)
                if self.counts_steps:
                    self._validate_if_due()
                    if self._at_end() or self.stop_training:
                        break
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1
        self.batches_done = 0

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """One step, its loss and gradients looked at before they reach the weights.

        Args:
            idx: The batch's, in its epoch.
            data_batch: As the data loader gave it.
        """
        number = self._iter if self.counts_steps else idx  # what hooks count by
        self.runner.call_hook("before_train_iter", batch_idx=number, data_batch=data_batch)
        outputs = self.steps.take(data_batch, self._iter + 1)
        self.batches_done = idx + 1
        self.runner.call_hook(
            "after_train_iter", batch_idx=number, data_batch=data_batch, outputs=outputs
        )
        self._iter += 1

    def end_stopped(self, number: int, *, together: bool = True) -> None:
        """Ends a training that is saved.

        Args:
            number: The signal's.
            together: All processes call it; within a validation, one does.

        Raises:
            TrainingStopped: Always.
        """
        self.runner.checkpoint_writer.wait()
        if together:
            # torchrun ends all when it sees the first one gone: none goes before the file is whole.
            barrier()
        stopped = TrainingStopped(number)
        saved = self.runner.message_hub.get_info("last_ckpt")
        what = f"--resume-from auto goes on from {saved}" if saved else "nothing is saved"
        self.runner.logger.warning(
            f"stopped by {signal.Signals(number).name} after {self._iter} steps, in epoch"
            f" {self._epoch + 1}: {what} (exit code {stopped.code})"
        )
        if is_main_process():
            write_exit_code(stopped.code)
        if together:
            leave_processes()
        raise stopped

    def _progress(self) -> tuple[int, int]:
        """How far the training is and how long it is to be: steps or epochs."""
        if self.counts_steps:
            return self._iter, self._max_iters
        return self._epoch, self._max_epochs

    def _at_end(self) -> bool:
        done, whole = self._progress()
        return done >= whole

    def _validate_if_due(self) -> None:
        self._validation_due = False
        self._decide_current_val_interval()
        done, whole = self._progress()
        due = done >= self.val_begin and (done % self.val_interval == 0 or done == whole)
        if self.runner.val_loop is None or not due:
            return
        self.runner.call_hook("before_validation")
        with unchanged_rng_state(), self._one_network():
            self.runner.val_loop.run()
        self.runner.call_hook("after_validation")

    @contextmanager
    def _one_network(self) -> Iterator[None]:
        """The same one in all processes: within an epoch, their running statistics differ."""
        if not self.counts_steps:
            yield
            return
        model = self.runner.model
        kept = [(buffer, buffer.clone()) for buffer in model.buffers()]
        all_reduce_params(model.buffers(), op="mean")
        yield
        for buffer, own in kept:
            buffer.copy_(own)
        model.train()

    def _restore_rng_state(self) -> None:
        if self._start_random is not None:
            set_rng_state(self._start_random)


@LOOPS.register_module()
class ResumableTrainLoop(ResumableLoop, EpochBasedTrainLoop):
    """mmengine's loop, exact across a stop and a resume; it takes its place in this project."""

    counts_steps = False


@LOOPS.register_module()
class ResumableIterTrainLoop(ResumableLoop, IterBasedTrainLoop):
    """mmengine's loop, exact across a stop and a resume; it takes its place in this project.

    It goes over the data epoch after epoch, so that its place there is an epoch and a batch. Hooks
    are told of each epoch, where mmengine's loop calls the whole training one.
    """

    counts_steps = True

    def __init__(self, runner: ActionRunner, dataloader: Any, **kwargs: Any) -> None:
        super().__init__(runner, dataloader, **kwargs)
        del self.dataloader_iterator  # mmengine's endless one
        self._max_epochs = -(-self._max_iters // len(self.dataloader))


def position_in_epoch(
    meta: Mapping[str, Any], *, batches: int, samples_a_batch: int
) -> tuple[int, bool]:
    """Which batch of its epoch a resumed run begins with.

    Args:
        meta: The checkpoint's.
        batches: Length of an epoch now.
        samples_a_batch: Of all processes together, now.

    Returns:
        The number of batches that are done, and whether the epoch is cut into batches as before;
        otherwise the number is for as many samples as were seen.
    """
    if "batches_done" not in meta:  # mmengine's own, which says it by the steps
        done = meta["iter"] - meta["epoch"] * batches
        return (done, True) if 0 <= done < batches else (0, done == 0)
    done = meta["batches_done"]
    if meta["epoch_batches"] == batches and meta["samples_a_batch"] == samples_a_batch:
        return done, True
    return min(batches, done * meta["samples_a_batch"] // samples_a_batch), done == 0
