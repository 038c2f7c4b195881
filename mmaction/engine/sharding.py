"""Weights, gradients and optimizer spread over the processes: FSDP2, torch's ``fully_shard``.

A tensor of which each process has a part is torch's ``DTensor``; one that is no such part is called
whole here. Checkpoints hold whole tensors alone, under the names that they have in one process.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmaction.engine.mixed_precision import Bf16OptimWrapper
from mmaction.errors import ConfigError
from mmaction.registry import MODEL_WRAPPERS

UNIT_TYPES = ("ResidualBlock",)
PARAM_DTYPES = {None: None, "bf16": torch.bfloat16}
_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


@MODEL_WRAPPERS.register_module()
class FullyShardedModel(nn.Module):
    """Keeps in each process a part of each weight, of its gradient and of its optimizer's state.

    Before a unit of the network computes, its weights are gathered from all processes; afterwards
    they are let go. Gradients are averaged as they are spread. A training ends as under DDP.

    ``eval()`` gathers all weights, so all processes have to call it; ``train()`` lets them go. In
    between each process computes alone, and may have more batches than another.

    Args:
        module: The network, on its device, its weights the same in all processes.
        reshard_after_forward: Let a unit's weights go after its forward pass and gather them again
            for its backward pass; False: after the backward pass, for more memory and less traffic.
        param_dtype: ``'bf16'``: weights are gathered in bfloat16, half the traffic; gradients are
            averaged in float32 all the same. For forward passes under autocast, which rounds the
            weights to bfloat16 in any case; norms stay in float32. None: as they are.
        unit_types: Names of classes: modules of these, or of classes derived from them, are units.
            What is outside of them is one more unit. Units take and give tensors.

    Raises:
        ConfigError: An argument that can't work, or a torch that is too old.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        reshard_after_forward: bool = True,
        param_dtype: str | None = None,
        unit_types: Sequence[str] = UNIT_TYPES,
    ) -> None:
        super().__init__()
        if param_dtype not in PARAM_DTYPES:
            raise ConfigError(
                f"model_wrapper_cfg.param_dtype={param_dtype!r}: expected 'bf16' or None"
            )
        self.param_dtype = PARAM_DTYPES[param_dtype]
        units = _units(module, unit_types)
        # The same network without its weights, for what runs on whole ones. A tuple hides it.
        tensors = chain(module.parameters(), module.buffers())
        self._whole = (copy.deepcopy(module, {id(tensor): tensor for tensor in tensors}),)
        self._strides = {name: p.stride() for name, p in module.named_parameters()}
        self._let_go()
        _shard(module, units, reshard_after_forward, self.param_dtype)
        module.register_load_state_dict_pre_hook(keep_parts)
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        network = self.module if self.training else self._whole[0]
        return network(*args, **kwargs)

    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """As the network's."""
        return self.module.train_step(data, optim_wrapper)  # type: ignore[operator]

    def val_step(self, data: Any) -> list[Any]:
        """As the network's; after ``eval()``."""
        assert not self.training
        return self._whole[0].val_step(data)  # type: ignore[operator]

    def test_step(self, data: Any) -> list[Any]:
        """As the network's; after ``eval()``."""
        assert not self.training
        return self._whole[0].test_step(data)  # type: ignore[operator]

    def train(self, mode: bool = True) -> FullyShardedModel:
        super().train(mode)
        if mode:
            self._let_go()
        else:
            self._gather()
            self._whole[0].eval()
        return self

    def _gather(self) -> None:
        for name, parameter in self.module.named_parameters():
            gathered = whole(parameter.detach())
            # In the layout that the network gave its weights, which fully_shard doesn't keep.
            weight = gathered.new_empty_strided(gathered.shape, self._strides[name])
            self._set_whole(name, nn.Parameter(weight.copy_(gathered), requires_grad=False))

    def _let_go(self) -> None:
        for name in self._strides:
            self._set_whole(name, None)

    def _set_whole(self, name: str, parameter: nn.Parameter | None) -> None:
        owner, _, own_name = name.rpartition(".")
        self._whole[0].get_submodule(owner).register_parameter(own_name, parameter)


def model_wrapper_type(name: Any) -> type:
    """The class that a config's ``model_wrapper_cfg.type`` names.

    Raises:
        ConfigError: There is none, or it is mmengine's for FSDP1, whose checkpoints are in parts.
    """
    kind = MODEL_WRAPPERS.get(name) if isinstance(name, str) else name
    if kind is None or kind.__name__ == "MMFullyShardedDataParallel":
        raise ConfigError(
            f"model_wrapper_cfg.type={name!r}: expected 'FullyShardedModel' or"
            " 'MMDistributedDataParallel'"
        )
    return kind


def require_sharding_possible(sync_bn: Any) -> None:
    """Refuses what can't go together with sharded weights.

    Raises:
        ConfigError: ``sync_bn``, or a torch without what this needs.
    """
    if sync_bn:
        raise ConfigError(
            f"sync_bn={sync_bn!r} can't go together with model_wrapper_cfg.type="
            f"{FullyShardedModel.__name__!r}: leave one of them out;"
            " model.backbone.norm_eval=True keeps batch norm as pretrained"
        )
    try:
        from torch.distributed.fsdp import fully_shard

        fits = "ignored_params" in inspect.signature(fully_shard).parameters
    except ImportError:
        fits = False
    if not fits:
        raise ConfigError(
            f"model_wrapper_cfg.type={FullyShardedModel.__name__!r} needs torch 2.7 or later, this"
            f" is {torch.__version__}"
        )


def prepare_optimizer(wrapper: OptimWrapper, model: FullyShardedModel) -> None:
    """Makes an optimizer of sharded weights take whole states, and report the norm over all parts.

    Raises:
        ConfigError: The weights are gathered in bfloat16, and the forward pass is not computed so.
    """
    casts = isinstance(wrapper, Bf16OptimWrapper)
    casts |= getattr(wrapper, "cast_dtype", None) == torch.bfloat16  # AmpOptimWrapper's
    if model.param_dtype is not None and not casts:
        raise ConfigError(
            "model_wrapper_cfg.param_dtype='bf16' is for forward passes in bfloat16: expected"
            f" optim_wrapper.type='Bf16OptimWrapper', got {type(wrapper).__name__!r}"
        )
    wrapper.optimizer.register_load_state_dict_pre_hook(_keep_parts_of_state)
    if wrapper.clip_grad_kwargs:
        wrapper.clip_func = _giving_whole(wrapper.clip_func)


def is_part(tensor: Any) -> bool:
    """Whether ``tensor`` is spread over the processes."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Tensor) -> Tensor:
    """``tensor`` with the parts of all processes, which all call it; itself, if it is no part."""
    return tensor.full_tensor() if is_part(tensor) else tensor  # type: ignore[attr-defined]


def own_part(tensor: Tensor) -> Tensor:
    """What this process keeps of ``tensor``; itself, if it is no part."""
    return tensor.to_local() if is_part(tensor) else tensor  # type: ignore[attr-defined]


def parts_in(content: Any) -> Iterator[Tensor]:
    """The tensors in ``content``, at any depth, that are spread over the processes."""
    if is_part(content):
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from parts_in(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from parts_in(value)


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


def _keep_parts_of_state(
    optimizer: torch.optim.Optimizer, content: dict[str, Any]
) -> dict[str, Any]:
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


def _giving_whole(clip: Callable[..., Tensor | None]) -> Callable[..., Tensor | None]:
    @functools.wraps(clip)
    def clipped(*args: Any, **kwargs: Any) -> Tensor | None:
        norm = clip(*args, **kwargs)
        return None if norm is None else whole(norm)

    return clipped


def _units(module: nn.Module, unit_types: Sequence[str]) -> list[nn.Module]:
    """The units, those within others first."""
    found: dict[str, list[nn.Module]] = {name: [] for name in unit_types}
    for each in module.modules():
        for kind in type(each).__mro__:
            found.get(kind.__name__, []).append(each)
    missing = [name for name, some in found.items() if not some]
    if missing and tuple(unit_types) != UNIT_TYPES:
        raise ConfigError(
            f"model_wrapper_cfg.unit_types={list(unit_types)}: the network has no module of class"
            f" {missing[0]!r}"
        )
    chosen = {id(each) for some in found.values() for each in some}
    return [each for each in reversed(list(module.modules())) if id(each) in chosen]


def _shard(
    module: nn.Module,
    units: Sequence[nn.Module],
    reshard_after_forward: bool,
    param_dtype: torch.dtype | None,
) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    for parameter in module.parameters():
        parameter.data = parameter.data.contiguous()
    # A single number can't be parted: each process keeps it, its gradient averaged.
    numbers = {parameter for parameter in module.parameters() if parameter.ndim == 0}
    for parameter in numbers:
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(_average_gradient)
    device = next(module.parameters()).device.type
    mesh = init_device_mesh(device, (get_world_size(),))
    shard = functools.partial(fully_shard, mesh=mesh, ignored_params=numbers)
    if param_dtype is not None:
        for norms in _norms_by_unit(module, units):
            shard(norms, reshard_after_forward=False)
    policy = MixedPrecisionPolicy(
        param_dtype=param_dtype,
        reduce_dtype=param_dtype and torch.float32,
        cast_forward_inputs=False,  # autocast does
    )
    for unit in units:
        shard(unit, reshard_after_forward=reshard_after_forward, mp_policy=policy)
    shard(module, reshard_after_forward=False, mp_policy=policy)


def _norms_by_unit(module: nn.Module, units: Sequence[nn.Module]) -> list[list[nn.Module]]:
    """Norms that always run together: those of a unit, and each one outside of all units."""
    taken: set[nn.Module] = set()
    groups = []
    for unit in units:
        norms = [m for m in unit.modules() if isinstance(m, _NORMS) and m not in taken]
        taken.update(norms)
        groups.append(norms)
    groups += [[m] for m in module.modules() if isinstance(m, _NORMS) and m not in taken]
    return [norms for norms in groups if any(p.numel() for n in norms for p in n.parameters())]


def _average_gradient(parameter: Tensor) -> None:
    assert parameter.grad is not None
    all_reduce(parameter.grad, op="mean")
