"""Steps whose loss or gradients are NaN or infinite: noticed before they reach the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_world_size
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper
from torch import Tensor, nn

from mmaction.engine.optimizers import TrainingOptimWrapper
from mmaction.engine.signals import SIGNALS, StopSignals
from mmaction.errors import ConfigError, UserError

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner

ON_NONFINITE = ("stop", "skip")
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
        if on_nonfinite not in ON_NONFINITE:
            raise ConfigError(
                f"on_nonfinite={on_nonfinite!r}: expected one of {', '.join(ON_NONFINITE)}"
            )
        self.runner = runner
        self.signals = StopSignals()
        self.stop_signal = 0
        self._on_nonfinite = on_nonfinite
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
        own_step = type(network).train_step is not BaseModel.train_step
        if own_step or not isinstance(wrapper, TrainingOptimWrapper):
            return self._exchange(model.train_step(batch, optim_wrapper=wrapper))[0]
        # A batch of NaN spoils running statistics at once.
        kept = [(b, b.clone()) for b in model.buffers()] if self._on_nonfinite == "skip" else []
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
        told, bad = self._exchange(values, judged)
        if bad:
            for buffer, before in kept:
                buffer.copy_(before)
            names = [sample.name for sample in batch.get("samples", ())]
            found = all_gather_object((loss.item(), names, _bad_gradient(network)))
            wrapper.zero_grad()
            self._stop_or_skip(f"step {number}: {_in_words(found)}")
            return {}
        self._skipped_in_a_row = 0
        if wrapper.should_update():
            wrapper.step()
            wrapper.zero_grad()
        return told

    def _exchange(
        self, values: Mapping[str, Any], judged: Sequence[Tensor] = ()
    ) -> tuple[dict[str, Tensor], bool]:
        """Means of the values over the processes, and whether what is judged is bad in any.

        Takes note of a signal that any process has. This is a step's only exchange between
        processes beside that of its gradients, and all that its host waits for.
        """
        device = next(self.runner.model.parameters()).device
        told = [torch.as_tensor(value, device=device).detach() for value in values.values()]
        # Filled on the device: a number that is copied there makes the host wait.
        told += [torch.full((), self.signals.received == n, device=device) for n in SIGNALS]
        told += [each.isfinite().logical_not() for each in judged]
        row = torch.stack([each.double().reshape(()) for each in told])
        if get_world_size() > 1:
            all_reduce(row, op="mean")
        row = row.cpu()
        signals, bad = row[len(values) :].split([len(SIGNALS), len(judged)])
        heard = [number for number, share in zip(SIGNALS, signals, strict=True) if share]
        if heard and not self.stop_signal:
            self.stop_signal = heard[0]
        return dict(zip(values, row, strict=False)), bool(bad.any())

    def _stop_or_skip(self, found: str) -> None:
        self._skipped_in_a_row += 1
        if self._on_nonfinite == "stop":
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


def _bad_gradient(model: nn.Module) -> str | None:
    """The name of the first parameter whose gradient is not finite, in this process."""
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and not parameter.grad.isfinite().all():
            return name
    return None


def _in_words(found: Sequence[tuple[float, list[str], str | None]]) -> str:
    """What each process's loss, clips and bad gradient come to."""
    losses = [loss for loss, _, _ in found if not math.isfinite(loss)]
    blamed = [n for loss, names, _ in found if not (losses and math.isfinite(loss)) for n in names]
    if losses:
        what = f"the loss is {losses[0]:g}"
    else:
        first = next((bad for _, _, bad in found if bad), "unknown")
        what = f"gradients are not finite (the first: {first})"
    shown = ", ".join(f"'{name}'" for name in blamed[:SHOWN])
    more = f" and {len(blamed) - SHOWN} more" if len(blamed) > SHOWN else ""
    return f"{what}; clips: {shown}{more}"
