"""Steps whose loss or gradients are NaN or infinite: noticed before they reach the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_rank, get_world_size
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmaction.engine.checkpoint_writer import copied, write_whole
from mmaction.engine.sharded_tensors import own_part
from mmaction.engine.stop_signals import StopSignals
from mmaction.errors import UserError

ON_NONFINITE = ("stop", "skip")
DIRECTORY = "nonfinite"
MOST_KEPT = 20  # batches of a run
MOST_IN_A_ROW = 10  # skipped steps after which a run that only skips is ended
SHOWN = 5


class NonfiniteError(UserError):
    """A loss or gradients that are not finite."""


class NonfiniteStep(Exception):
    """Raised out of a step before it changes the weights, in all processes alike."""


class StepGuard:
    """Stands before an optim wrapper for one step, and looks at the loss and the gradients.

    With several processes this is also where they agree on what one of them has noticed: its loss,
    or a signal to stop.

    Attributes:
        loss: The last step's, of this process.
        stop: A signal's number, once all processes know of it; 0 before.
    """

    def __init__(self, wrapper: OptimWrapper, signals: StopSignals) -> None:
        self.wrapper = wrapper
        self.signals = signals
        self.loss = math.nan
        self.bad_loss = self.bad_gradients = False
        self.stop = 0
        self._loss: Tensor | None = None
        self._looked = False
        self._hook = wrapper.optimizer.register_step_pre_hook(self._before_update)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapper, name)

    def close(self) -> None:
        """Leaves the optimizer as it was."""
        self._hook.remove()

    def update_params(self, loss: Tensor, **kwargs: Any) -> None:
        """As the wrapper's.

        Raises:
            NonfiniteStep: Instead of a step of the optimizer.
        """
        self._loss, self._looked = loss.detach(), False
        self.wrapper.update_params(loss, **kwargs)
        # The optimizer took no step: gradients are added up, or the loss scaler found them too big.
        if not self._looked:
            self._look(())

    def _before_update(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        # Fused optimizers are handed gradients as the loss scaler has them, to look at themselves.
        by_scaler = getattr(optimizer, "found_inf", None) is not None
        groups = () if by_scaler else optimizer.param_groups
        self._look(p.grad for group in groups for p in group["params"] if p.grad is not None)

    def _look(self, gradients: Iterable[Tensor]) -> None:
        self._looked = True
        assert self._loss is not None
        loss, norm = self._loss.float().reshape(()), _norm(gradients, self._loss)
        # One transfer: the device is waited for once.
        values = torch.stack([loss, norm]).tolist()
        self.loss = values[0]
        self.bad_loss, self.bad_gradients = (not math.isfinite(value) for value in values)
        found = [self.bad_loss, self.bad_gradients, self.signals.received]
        if get_world_size() > 1:
            shared = torch.tensor(found, device=loss.device)
            all_reduce(shared, op="max")
            found = shared.tolist()
        self.stop = self.stop or int(found[2])
        if found[0] or found[1]:
            raise NonfiniteStep


def _norm(gradients: Iterable[Tensor], like: Tensor) -> Tensor:
    """A number that is finite where all gradients are: their norm, of this process's shards."""
    local = [own_part(g) for g in gradients]
    if not local:
        return torch.zeros((), device=like.device)
    norms = torch._foreach_norm(local)
    return torch.stack([n.float().to(like.device) for n in norms]).sum()


class BufferCopy:
    """The buffers of a network as they were: a batch of NaN spoils running statistics at once."""

    def __init__(self, model: nn.Module) -> None:
        self._pairs = [(buffer, buffer.clone()) for buffer in model.buffers()]

    def restore(self) -> None:
        """Puts the values of the time of copying back."""
        for buffer, value in self._pairs:
            buffer.copy_(value)


def keep_batch(
    work_dir: Path, batch: Mapping[str, Any], guard: StepGuard, model: nn.Module, *, step: int
) -> tuple[Path, str]:
    """Keeps the batch of a step that is not finite, in each process its own, and describes it.

    All processes call it.

    Args:
        work_dir: Of the run.
        batch: As the data loader gave it.
        guard: Of the step.
        model: Its gradients are looked at.
        step: Counted from 1.

    Returns:
        Where it is kept, and what was found with whose clips, over all processes.
    """
    samples = list(batch.get("samples", ()))
    names = [sample.name for sample in samples]
    parameters = [
        name
        for name, p in model.named_parameters()
        if p.grad is not None and not torch.isfinite(own_part(p.grad)).all()
    ]
    several = get_world_size() > 1
    path = work_dir / DIRECTORY / f"step_{step}{f'_process_{get_rank()}' if several else ''}.pth"
    if len(list(path.parent.glob("*.pth"))) < MOST_KEPT:
        content = {
            "step": step,
            "loss": guard.loss,
            "names": names,
            "labels": [sample.label for sample in samples],
            "frame_indices": [torch.as_tensor(sample.frame_indices) for sample in samples],
            "nonfinite_gradients": parameters,
            "batch": {key: value for key, value in batch.items() if isinstance(value, Tensor)},
        }
        write_whole(copied(content), path)
    found = all_gather_object((guard.bad_loss, guard.loss, names, parameters))
    losses = [loss for bad, loss, _, _ in found if bad]
    blamed = [n for bad, _, some, _ in found if bad or not losses for n in some]
    if losses:
        what = f"the loss is {losses[0]:g}"
    else:
        first = [p for _, _, _, some in found for p in some][:1]
        what = f"gradients are not finite (the first: {first[0] if first else 'unknown'})"
    shown = ", ".join(f"'{name}'" for name in blamed[:SHOWN])
    more = f" and {len(blamed) - SHOWN} more" if len(blamed) > SHOWN else ""
    return path, f"step {step}: {what}; clips: {shown}{more}"
