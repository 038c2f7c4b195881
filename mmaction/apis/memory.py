"""How much memory a training step needs, estimated on a network without any."""

from __future__ import annotations

import copy
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from mmaction.apis.config import clip_shape
from mmaction.models.activation_checkpointing import is_kept
from mmaction.registry import MODELS, OPTIMIZERS

_MIB, _GIB = 2**20, 2**30


@dataclass(frozen=True)
class StepMemory:
    """Bytes of a training step in a process, in float32, beside the workspaces of its operations.

    Attributes:
        activations: What autograd keeps of the forward pass.
        weights: Parameters and buffers.
        gradients: Of the parameters that are trained.
        optimizer: State after a step.
    """

    activations: int
    weights: int
    gradients: int
    optimizer: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.activations + self.weights + self.gradients + self.optimizer

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {size / _MIB:.1f}" for name, size in vars(self).items())
        return (
            f"memory of a step, a process: {self.total / _MIB:.1f} MiB in float32,"
            f" beside workspaces ({parts})"
        )


def step_memory(cfg: Config) -> StepMemory:
    """Of the training that ``cfg`` describes; no tensor is allocated.

    Raises:
        RuntimeError, NotImplementedError: The network can't be run without memory.
    """
    with torch.device("meta"):
        model = MODELS.build(copy.deepcopy(cfg.model)).train()
    # Two clips, since norms of one value a channel refuse one; activations grow with the batch.
    clips = torch.empty(2, 3, *clip_shape(cfg), device="meta")
    return StepMemory(
        activations=activation_bytes(model, clips) // 2 * cfg.train_dataloader.batch_size,
        weights=sum(_bytes(t) for t in (*model.parameters(), *model.buffers())),
        gradients=sum(_bytes(p) for p in model.parameters() if p.requires_grad),
        optimizer=optimizer_bytes(model, cfg.optim_wrapper.optimizer),
    )


def activation_bytes(model: nn.Module, clips: Tensor) -> int:
    """Bytes that autograd keeps of a forward pass, its loss included, for the backward pass.

    Args:
        model: A recognizer in training mode, which may be on ``meta``.
        clips: float, B×3×T×H×W, on its device.
    """
    own = {p.untyped_storage()._cdata for p in (*model.parameters(), *model.buffers())}
    # Held, so that no storage takes another's address; what is saved twice counts once.
    kept: dict[int, torch.UntypedStorage] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    labels = torch.zeros(len(clips), dtype=torch.int64, device=clips.device)
    # What selective checkpointing keeps, autograd does not show.
    hooks = [
        layer.register_forward_hook(lambda _, __, result: note(result))
        for block in model.modules()
        if getattr(block, "with_cp", False) == "selective"
        for layer in block.modules()
        if isinstance(layer, nn.Conv3d) and is_kept(layer.weight.shape)
    ]
    with saved_tensors_hooks(note, lambda tensor: tensor):
        model(clips, labels, mode="loss")
    for hook in hooks:
        hook.remove()
    return sum(storage.nbytes() for storage in kept.values())


def optimizer_bytes(model: nn.Module, cfg: dict[str, Any]) -> int:
    """Bytes of an optimizer's state after a step on ``model``, which is on ``meta``."""
    optimizer = OPTIMIZERS.build(dict(cfg, params=list(model.parameters())))
    for parameter in model.parameters():
        parameter.grad = torch.empty_like(parameter)
    optimizer.step()
    state = [value for values in optimizer.state.values() for value in values.values()]
    return sum(_bytes(value) for value in state if isinstance(value, Tensor))


def memory_limit(processes: int) -> tuple[int, str]:
    """Bytes that a process may use, and of what, where ``processes`` of a machine share it."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[1], "the GPU"
    limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):  # a container's
        limit = min(limit, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    shared = f"{processes} processes of this machine" if processes > 1 else "this machine"
    return limit // processes, shared


def warning_if_too_large(memory: StepMemory, *, processes: int) -> str | None:
    """What to do where a step needs more than there is; None where it fits."""
    limit, what = memory_limit(processes)
    if memory.total <= limit:
        return None
    return (
        f"a step needs about {memory.total / _GIB:.1f} GiB and {what} has {limit / _GIB:.1f}: lower"
        " train_dataloader.batch_size (optim_wrapper.accumulative_counts makes up for it), or set"
        " model.backbone.with_cp=True; see docs/large_models.md"
    )


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
