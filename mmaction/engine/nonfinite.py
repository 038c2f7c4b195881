"""Steps whose loss or gradients are NaN or infinite: noticed before they reach the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import all_gather_object, all_reduce
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper
from torch import Tensor, nn

from mmaction.engine.optimizers import TrainingOptimWrapper
from mmaction.engine.signals import SIGNALS, StopSignals
from mmaction.errors import ConfigError, UserError

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner

MOST_IN_A_ROW = 10  # skipped steps after which a run that only skips is ended
SHOWN = 5


class NonfiniteError(UserError):
    """A loss or gradients that are not finite."""


class StepGuard:
    """Takes a training's steps; those that are not finite change nothing.

    Before the optimizer steps, all processes look at the loss and, where no loss scaler does that,
    at the norm of the gradients. One exchange agrees on that and on signals to stop, and averages
    the log values; on a GPU the host waits for it, once a step.

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
        if on_nonfinite not in ("stop", "skip"):
            raise ConfigError(f"on_nonfinite={on_nonfinite!r}: expected one of stop, skip")
        self.runner = runner
        self.signals = StopSignals()
        self.stop_signal = 0
        self._skips = on_nonfinite == "skip"
        self._skipped_in_a_row = 0

    def take(self, batch: Mapping[str, Any], number: int) -> dict[str, Tensor]:
        """One step; all processes call it.

        A network with a ``train_step`` of its own, for several optimizers perhaps, and an optim
        wrapper of somebody else's step by themselves: nothing is looked at.

        Args:
            batch: As the data loader gave it.
            number: Of the step, counted from 1.

        Returns:
            The log values, means over the processes: scalars on the CPU, float64. None where the
            step is skipped.

        Raises:
            NonfiniteError: With ``'stop'``, or after too many bad steps in a row.
        """
        model, wrapper = self.runner.model, self.runner.optim_wrapper
        network: Any = self.runner.network
        steps_itself = type(network).train_step is not BaseModel.train_step
        if steps_itself or not isinstance(wrapper, TrainingOptimWrapper):
            values = model.train_step(batch, optim_wrapper=wrapper)
            return dict(zip(values, self._exchange(values.values()), strict=True))
        # A batch of NaN spoils running statistics at once.
        kept = [(b, b.clone()) for b in model.buffers()] if self._skips else []
        with wrapper.optim_context(model):
            losses = model(**network.data_preprocessor(batch, True), mode="loss")
        loss, values = network.parse_losses(losses)
        wrapper.backward(wrapper.scale_loss(loss))
        judged = [loss.detach()]
        if wrapper.should_update():
            norm = wrapper.gradient_norm()
            if wrapper.clips_by_norm:
                values[wrapper.grad_name] = norm
            if not isinstance(wrapper, AmpOptimWrapper):
                judged.append(norm)
        means = self._exchange((*values.values(), *judged))
        if not means[len(values) :].isfinite().all():
            for buffer, before in kept:
                buffer.copy_(before)
            found = f"step {number}: {_what_is_bad(loss.item(), batch, network)}"
            wrapper.zero_grad()
            self._stop_or_skip(found)
            return {}
        self._skipped_in_a_row = 0
        if wrapper.should_update():
            wrapper.step()
            wrapper.zero_grad()
        return dict(zip(values, means, strict=False))

    def _exchange(self, values: Iterable[Any]) -> Tensor:
        """Means over the processes, float64 on the CPU; takes note of a signal that any has.

        This is a step's only exchange between processes beside that of its gradients, and all that
        its host waits for. A mean is not finite where one of its numbers is not.
        """
        device = next(self.runner.model.parameters()).device
        # Filled on the device: a number that is copied there makes the host wait.
        flags = [torch.full((), self.signals.received == n, device=device) for n in SIGNALS]
        told = [torch.as_tensor(each, device=device).detach() for each in (*flags, *values)]
        row = torch.stack([each.double().reshape(()) for each in told])
        all_reduce(row, op="mean")
        shares, means = row.cpu().tensor_split([len(SIGNALS)])
        heard = (number for number, share in zip(SIGNALS, shares, strict=True) if share)
        self.stop_signal = self.stop_signal or next(heard, 0)
        return means

    def _stop_or_skip(self, found: str) -> None:
        self._skipped_in_a_row += 1
        if not self._skips:
            raise NonfiniteError(
                f"{found}; the weights are as before the step; on_nonfinite='skip' leaves such"
                " steps out"
            )
        if self._skipped_in_a_row >= MOST_IN_A_ROW:
            raise NonfiniteError(
                f"{found}; this is step {self._skipped_in_a_row} in a row that is not finite:"
                " lower the learning rate, or look at these clips"
            )
        self.runner.logger.warning(f"{found}; the step is skipped")


def _what_is_bad(loss: float, batch: Mapping[str, Any], network: nn.Module) -> str:
    """In words, of all processes, which call it: the loss or a gradient, and the clips to blame."""
    names = [sample.name for sample in batch.get("samples", ())]
    gradients = ((name, p.grad) for name, p in network.named_parameters() if p.grad is not None)
    first = next((name for name, grad in gradients if not grad.isfinite().all()), None)
    found = all_gather_object((loss, names, first))
    if with_bad_loss := [each for each in found if not math.isfinite(each[0])]:
        what, found = f"the loss is {with_bad_loss[0][0]:g}", with_bad_loss
    else:
        first = next((bad for _, _, bad in found if bad), "unknown")
        what = f"gradients are not finite (the first: {first})"
    blamed = [f"'{name}'" for _, names, _ in found for name in names]
    more = f" and {len(blamed) - SHOWN} more" if len(blamed) > SHOWN else ""
    return f"{what}; clips: {', '.join(blamed[:SHOWN])}{more}"
