"""Steps whose loss or gradients are NaN or infinite: noticed before they reach the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmaction.checkpoint.sharded_tensors import own_part
from mmaction.engine.signals import StopSignals
from mmaction.errors import UserError

ON_NONFINITE = ("stop", "skip")
MOST_IN_A_ROW = 10  # skipped steps after which a run that only skips is ended


class NonfiniteError(UserError):
    """A loss or gradients that are not finite."""


class NonfiniteStep(Exception):
    """Raised out of a step before it changes the weights, in all processes alike."""


class Look:
    """What is seen of one step's loss and gradients: on the device, until it is read.

    All processes take it together: here they agree on what one of them has seen, or on a signal.

    Args:
        loss: Scalar of this process.
        parameters: Those whose gradients there are.
        signal: A signal's number that this process has received, or 0.
        judged: Whether gradients that are not finite make the step a bad one. Where the loss is
            scaled, they are the scaler's business.

    Attributes:
        bad: 1 where any process's loss or gradients are not finite, else 0: float32, on the
            device.
        loss: Of this process; this and the following once it is read.
        bad_loss: Whether that is not finite.
        bad_gradients: Whether this process's gradients are not.
        stop: A signal's number that any process has received, or 0.
    """

    loss = math.nan
    bad_loss = bad_gradients = False
    stop = 0

    def __init__(
        self, loss: Tensor, parameters: Sequence[nn.Parameter], signal: int, *, judged: bool
    ) -> None:
        self._parameters = parameters
        self._norms = _norms(parameters, like=loss)
        norm = self._norms.sum() if judged else torch.zeros_like(loss)
        own = torch.stack([loss, norm])
        bad = own.isfinite().logical_not().any().float()
        shared = torch.stack([bad, torch.full_like(bad, signal)])
        if get_world_size() > 1:
            all_reduce(shared, op="max")
        self.bad = shared[0]
        self._values = torch.cat([shared, own])
        self._arrival: torch.cuda.Event | None = None

    def send(self) -> None:
        """Starts to bring it to the host, which goes on meanwhile."""
        if self._values.is_cuda:
            there = torch.empty(len(self._values), pin_memory=True)
            self._values = there.copy_(self._values, non_blocking=True)
            self._arrival = torch.cuda.Event()
            self._arrival.record()

    def read(self) -> bool:
        """Waits until it is on the host, and says whether the step is a bad one."""
        if self._arrival is not None:
            self._arrival.synchronize()
        bad, stop, self.loss, norm = self._values.tolist()
        self.bad_loss, self.bad_gradients = not math.isfinite(self.loss), not math.isfinite(norm)
        self.stop = int(stop)
        return bool(bad)

    def nonfinite_gradients(self, model: nn.Module) -> list[str]:
        """Names of the parameters whose gradients were not finite."""
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        found = zip(self._parameters, self._norms.tolist(), strict=True)
        return [names.get(id(p), "unknown") for p, norm in found if not math.isfinite(norm)]


def _norms(parameters: Iterable[nn.Parameter], *, like: Tensor) -> Tensor:
    """One number a parameter, finite where its gradient is: its norm, of this process's shard."""
    gradients = [own_part(p.grad) for p in parameters if p.grad is not None]
    if not gradients:
        return like.new_zeros(0)
    return torch.stack([norm.to(like) for norm in torch._foreach_norm(gradients)])


class StepGuard:
    """Stands before an optim wrapper for one step, and looks at the loss and the gradients.

    It looks at once and waits for the device, or, with ``settle``, leaves it to the device to skip
    a bad step: what is found then is read a step later, when the device is through with it.

    Args:
        wrapper: Of one optimizer; with ``settle``, of one for which ``skips_on_device``.
        signals: Looked at likewise.
        settle: Reads what was found in the step before; called before the weights change.

    Attributes:
        look: The last one.
        unread: Whether it is left to be read, in ``settle``.
    """

    def __init__(
        self,
        wrapper: OptimWrapper,
        signals: StopSignals,
        *,
        settle: Callable[[], None] | None = None,
    ) -> None:
        self.wrapper = wrapper
        self.signals = signals
        self.look: Look | None = None
        self.unread = False
        self._settle = settle
        self._loss: Tensor | None = None
        self._hook = wrapper.optimizer.register_step_pre_hook(self._before_update)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapper, name)

    def close(self) -> None:
        """Leaves the optimizer as it was."""
        self._hook.remove()
        # Its own, or what a loss scaler leaves there where its step is refused.
        for name in ("found_inf", "grad_scale"):
            vars(self.wrapper.optimizer).pop(name, None)

    def update_params(self, loss: Tensor, **kwargs: Any) -> None:
        """As the wrapper's.

        Raises:
            NonfiniteStep: Instead of a step of the optimizer, where it looks at once.
        """
        self._loss, self.look = loss.detach().float().reshape(()), None
        self.wrapper.update_params(loss, **kwargs)
        if self.look is None:
            # The optimizer took no step: gradients are added up, or the loss scaler found them too
            # big.
            self._look(judged=False, at_once=self._settle is None)
            if self.unread:
                self._drop_gradients()

    def _before_update(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        # Fused optimizers are handed gradients as the loss scaler has them, to look at themselves.
        of_scaler = getattr(optimizer, "found_inf", None)
        # A fused SGD whose very first step is skipped goes on from momenta that were never set.
        at_once = self._settle is None or not optimizer.state
        look = self._look(judged=of_scaler is None, at_once=at_once)
        if self.unread:
            found = look.bad if of_scaler is None else torch.maximum(of_scaler, look.bad)
            optimizer.found_inf = found  # type: ignore[attr-defined]

    def _look(self, *, judged: bool, at_once: bool) -> Look:
        if self._settle is not None:
            self._settle()
        assert self._loss is not None
        groups = self.wrapper.optimizer.param_groups
        parameters = [p for group in groups for p in group["params"] if p.grad is not None]
        look = Look(self._loss, parameters, self.signals.received, judged=judged)
        self.look, self.unread = look, not at_once
        if at_once and look.read():
            raise NonfiniteStep
        if not at_once:
            look.send()
        return look

    def _drop_gradients(self) -> None:
        """Those that wait for more to be added are lost with a bad batch, here on the device."""
        assert self.look is not None
        for group in self.wrapper.optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    own_part(parameter.grad).masked_fill_(self.look.bad.bool(), 0)


def skips_on_device(wrapper: OptimWrapper) -> bool:
    """Whether the optimizer can leave a step out by a flag on the device: fused ones can."""
    return bool(getattr(wrapper.optimizer, "_step_supports_amp_scaling", False))


class BufferCopy:
    """The buffers of a network as they were: a batch of NaN spoils running statistics at once."""

    def __init__(self, model: nn.Module) -> None:
        self._pairs = [(buffer, buffer.clone()) for buffer in model.buffers()]

    def restore(self, where: Tensor | None = None) -> None:
        """Puts the values of the time of copying back.

        Args:
            where: Scalar on the device: only where it is 1.
        """
        for buffer, value in self._pairs:
            buffer.copy_(value if where is None else torch.where(where.bool(), value, buffer))
