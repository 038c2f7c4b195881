"""Steps whose loss or gradients are NaN or infinite: noticed before they reach the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn

from mmaction.checkpoint.sharded_tensors import own_part
from mmaction.checkpoint.training_state import bare_model, optim_wrappers
from mmaction.engine.kept_batches import keep_batch
from mmaction.engine.optim_wrappers import TrainingOptimWrapper
from mmaction.engine.signals import StopSignals
from mmaction.errors import ConfigError, UserError

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner

ON_NONFINITE = ("stop", "skip")
MOST_IN_A_ROW = 10  # skipped steps after which a run that only skips is ended


class NonfiniteError(UserError):
    """A loss or gradients that are not finite."""


class NonfiniteStep(Exception):
    """Raised out of a step before it changes the weights, in all processes alike."""


@dataclass(frozen=True)
class Look:
    """What was seen of one step.

    Attributes:
        loss: Of this process.
        parameters: Those that have gradients.
        norms: Of their gradients, P numbers; of none where gradients were not looked at.
    """

    loss: float
    parameters: Sequence[nn.Parameter]
    norms: Sequence[float]

    @property
    def bad_loss(self) -> bool:
        """Whether this process's loss is not finite."""
        return not math.isfinite(self.loss)

    def nonfinite_gradients(self, model: nn.Module) -> list[str]:
        """Names of the parameters whose gradients are not finite, in this process."""
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        found = zip(self.parameters, self.norms, strict=False)
        return [names.get(id(p), "unknown") for p, norm in found if not math.isfinite(norm)]


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
        self._bad: Look | None = None  # the newest bad step

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
        except NonfiniteStep:
            if buffers is not None:
                buffers.restore()
            for each in optim_wrappers(wrapper):
                each.zero_grad()
            self._meet_nonfinite(batch, number)
            return {}
        if not self._looked:  # an optim wrapper of somebody else's
            self._exchange(torch.zeros(()))
        self._skipped_in_a_row = 0
        return outputs

    def look(self, loss: Tensor, parameters: Sequence[nn.Parameter], judged: bool) -> None:
        """Looks at a step before it changes the weights.

        Args:
            loss: Scalar of this process.
            parameters: Those that have gradients.
            judged: Whether gradients that are not finite make the step a bad one.

        Raises:
            NonfiniteStep: In all processes, where any process's loss or gradients are not finite.
        """
        loss = loss.detach().float().reshape(())
        norms = loss.new_zeros(0)
        if judged and parameters:
            gradients = [own_part(p.grad) for p in parameters if p.grad is not None]
            norms = torch.stack([norm.to(loss) for norm in torch._foreach_norm(gradients)])
        bad = self._exchange(torch.cat([loss[None], norms]).isfinite().all().logical_not())
        self._looked = True
        if bad:
            self._bad = Look(loss.item(), parameters, norms.tolist())
            raise NonfiniteStep

    def _exchange(self, bad: Tensor) -> bool:
        """Whether any process's step is bad; and the stop signal, if any process has one."""
        told = torch.stack([bad.float(), torch.full_like(bad.float(), self.signals.received)])
        if get_world_size() > 1:
            all_reduce(told, op="max")
        any_bad, stop = told.tolist()
        self.stop_signal = self.stop_signal or int(stop)
        return bool(any_bad)

    def _meet_nonfinite(self, batch: Mapping[str, Any], number: int) -> None:
        assert self._bad is not None
        model = bare_model(self.runner.model)
        work_dir = Path(self.runner.work_dir)
        path, found = keep_batch(work_dir, batch, self._bad, model, step=number)
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
