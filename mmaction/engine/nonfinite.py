"""Steps whose loss or gradients are NaN or infinite: noticed before they reach the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_rank, get_world_size
from torch import Tensor, nn

from mmaction.checkpoint.training_state import bare_model, optim_wrappers
from mmaction.checkpoint.writing import copied, write_whole
from mmaction.engine.optim_wrappers import TrainingOptimWrapper
from mmaction.engine.signals import StopSignals
from mmaction.errors import ConfigError, UserError

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner

ON_NONFINITE = ("stop", "skip")
MOST_IN_A_ROW = 10  # skipped steps after which a run that only skips is ended
DIRECTORY = "nonfinite"
MOST_KEPT = 20  # batches of a run
SHOWN = 5


class NonfiniteError(UserError):
    """A loss or gradients that are not finite."""


class NonfiniteStep(Exception):
    """Raised out of a step before it changes the weights, in all processes alike."""


class BufferCopy:
    """The buffers of a network as they were: a batch of NaN spoils running statistics at once."""

    def __init__(self, model: nn.Module) -> None:
        self._pairs = [(buffer, buffer.clone()) for buffer in model.buffers()]

    def restore(self) -> None:
        """Puts the values of the time of copying back."""
        for buffer, value in self._pairs:
            buffer.copy_(value)


class StepGuard:
    """Takes a training's steps; those that are not finite change nothing.

    Before an optimizer steps, all processes look at the loss and, where no loss scaler does that,
    at the norm of the gradients. One exchange agrees on that and on signals to stop; on a GPU the
    host waits for it, once a step.

    Args:
        runner: Of the training.
        on_nonfinite: At such a step, ``'stop'`` with an error, or ``'skip'`` it.

    Attributes:
        signals: The process's own.
        stop_signal: A signal's number, once all processes know of it; 0 before.

    Raises:
        ConfigError: Another ``on_nonfinite``.
    """

    def __init__(self, runner: ActionRunner, *, on_nonfinite: str) -> None:
        if on_nonfinite not in ON_NONFINITE:
            raise ConfigError(
                f"on_nonfinite={on_nonfinite!r}: expected one of {', '.join(ON_NONFINITE)}"
            )
        self.runner = runner
        self.signals = StopSignals()
        self.stop_signal = 0
        self._on_nonfinite = on_nonfinite
        self._skipped_in_a_row = 0
        self._looked = False  # at the newest step

    def take(self, batch: Mapping[str, Any], number: int) -> dict[str, Any]:
        """One step; all processes call it.

        Args:
            batch: As the data loader gave it.
            number: Of the step, counted from 1.

        Returns:
            The model's log values; none where the step is skipped.

        Raises:
            NonfiniteError: With ``'stop'``, or after too many bad steps in a row.
        """
        model, wrapper = self.runner.model, self.runner.optim_wrapper
        for each in optim_wrappers(wrapper):
            if isinstance(each, TrainingOptimWrapper):
                each.before_step = self.look
        buffers = BufferCopy(model) if self._on_nonfinite == "skip" else None
        self._looked = False
        try:
            outputs = model.train_step(batch, optim_wrapper=wrapper)
        except NonfiniteStep as step:
            found, path = self._keep(batch, number, loss=step.args[0])
            if buffers is not None:
                buffers.restore()
            for each in optim_wrappers(wrapper):
                each.zero_grad()
            self._stop_or_skip(found, path)
            return {}
        if not self._looked:  # an optim wrapper of somebody else's
            self._exchange(torch.zeros(()))
        self._skipped_in_a_row = 0
        return outputs

    def look(self, loss: Tensor, norms: Sequence[Tensor]) -> None:
        """Looks at a step before it changes the weights.

        Args:
            loss: Scalar of this process.
            norms: Scalars, of the gradients; none where they are not to be judged.

        Raises:
            NonfiniteStep: In all processes, where any process's loss or norm is not finite; its
                argument is this process's loss.
        """
        loss = loss.detach().float().reshape(())
        values = torch.stack([loss, *(norm.to(loss) for norm in norms)])
        self._looked = True
        if self._exchange(values.isfinite().all().logical_not()):
            raise NonfiniteStep(loss.item())

    def _exchange(self, bad: Tensor) -> bool:
        """Whether any process's step is bad; and the stop signal, if any process has one."""
        told = torch.stack([bad.float(), torch.full_like(bad.float(), self.signals.received)])
        if get_world_size() > 1:
            all_reduce(told, op="max")
        any_bad, stop = told.tolist()
        self.stop_signal = self.stop_signal or int(stop)
        return bool(any_bad)

    def _keep(self, batch: Mapping[str, Any], number: int, *, loss: float) -> tuple[str, Path]:
        """Keeps this process's batch; what was found with whose clips in all, and where it is."""
        samples = list(batch.get("samples", ()))
        names = [sample.name for sample in samples]
        bad = nonfinite_gradients(bare_model(self.runner.model))
        process = f"_process_{get_rank()}" if get_world_size() > 1 else ""
        path = Path(self.runner.work_dir) / DIRECTORY / f"step_{number}{process}.pth"
        if len(list(path.parent.glob("*.pth"))) < MOST_KEPT:
            content: dict[str, Any] = dict(
                step=number, loss=loss, names=names, nonfinite_gradients=bad
            )
            content["labels"] = [sample.label for sample in samples]
            content["frame_indices"] = [torch.as_tensor(each.frame_indices) for each in samples]
            content["batch"] = {k: v for k, v in batch.items() if isinstance(v, Tensor)}
            write_whole(copied(content), path)
        return f"step {number}: {_in_words(all_gather_object((loss, names, bad)))}", path

    def _stop_or_skip(self, found: str, path: Path) -> None:
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


def nonfinite_gradients(model: nn.Module) -> list[str]:
    """Names of the parameters whose gradients are not finite, in this process."""
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and not parameter.grad.isfinite().all()
    ]


def _in_words(found: Sequence[tuple[float, list[str], list[str]]]) -> str:
    """What each process's loss, clips and bad gradients come to."""
    losses = [loss for loss, _, _ in found if not math.isfinite(loss)]
    blamed = [n for loss, names, _ in found if not (losses and math.isfinite(loss)) for n in names]
    if losses:
        what = f"the loss is {losses[0]:g}"
    else:
        first = next((name for _, _, bad in found for name in bad), "unknown")
        what = f"gradients are not finite (the first: {first})"
    shown = ", ".join(f"'{name}'" for name in blamed[:SHOWN])
    more = f" and {len(blamed) - SHOWN} more" if len(blamed) > SHOWN else ""
    return f"{what}; clips: {shown}{more}"
