"""Tensors that are spread over the processes, and what checkpoints hold of them: whole ones.

A tensor of which each process has a part is torch's ``DTensor``; any other one is called whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn


def is_part(tensor: Any) -> bool:
    """Whether ``tensor`` is spread over the processes."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Any) -> Any:
    """``tensor`` with the parts of all processes, which all call it; itself, if it is no part."""
    return tensor.full_tensor() if is_part(tensor) else tensor


def own_part(tensor: Tensor) -> Tensor:
    """What this process keeps of ``tensor``; itself, if it is no part."""
    return tensor.to_local() if is_part(tensor) else tensor  # type: ignore[attr-defined]


def part_like(value: Tensor, like: Tensor) -> Tensor:
    """Of a whole ``value``, the same in all processes, what this one keeps of ``like``."""
    if is_part(value) or not is_part(like):
        return value
    from torch.distributed.tensor import distribute_tensor

    mesh, placements = like.device_mesh, like.placements  # type: ignore[attr-defined]
    return distribute_tensor(value.detach().to(like.device), mesh, placements)


def gradient_like(value: Tensor, parameter: Tensor) -> Tensor:
    """A gradient kept in a checkpoint, where ``parameter`` needs it.

    A process may have kept its own, as DDP's do until they are averaged, or the average of all.
    In float64 the average of equal float32 numbers is exactly they: both come out right.
    """
    value = value.to(parameter.device)
    if not is_part(parameter):
        return value
    mean = value.double()
    all_reduce(mean, op="mean")
    return part_like(mean.to(value.dtype), parameter)


def keep_parts(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Takes whole weights for sharded ones; a hook for ``register_load_state_dict_pre_hook``."""
    for name, own in module.named_parameters(remove_duplicate=False):
        given = state.get(prefix + name)
        if isinstance(given, Tensor) and given.shape == own.shape:
            state[prefix + name] = part_like(given, own)


def keep_parts_of_state(
    optimizer: torch.optim.Optimizer, content: dict[str, Any]
) -> dict[str, Any]:
    """Takes an optimizer's whole state for sharded weights: a hook for its method of the name
    ``register_load_state_dict_pre_hook``.
    """
    numbers = chain.from_iterable(group["params"] for group in content["param_groups"])
    parameters = chain.from_iterable(group["params"] for group in optimizer.param_groups)
    state = dict(content["state"])
    for number, own in zip(numbers, parameters, strict=False):  # the optimizer counts them
        state |= {number: _parts_like(state[number], own)} if number in state else {}
    return {**content, "state": state}


def _parts_like(values: Mapping[str, Any], own: Tensor) -> dict[str, Any]:
    return {
        key: part_like(value, own) if getattr(value, "shape", None) == own.shape else value
        for key, value in values.items()
    }
