"""Weights, gradients and optimizer spread over the processes: FSDP2, torch's ``fully_shard``."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import all_reduce, get_world_size
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmaction.checkpoint.sharded_tensors import keep_parts, keep_parts_of_state, whole
from mmaction.engine.precision import Bf16OptimWrapper
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
        ConfigError: An argument that can't work, or a torch that averages wrongly.
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
        _require_averages(next(module.parameters()).device)
        self.param_dtype = PARAM_DTYPES[param_dtype]
        units = _units(module, unit_types)
        # The same network without its weights, for what runs on whole ones. A tuple hides it.
        tensors = chain(module.parameters(), module.buffers())
        self._whole = (copy.deepcopy(module, {id(tensor): tensor for tensor in tensors}),)
        named = module.named_parameters(remove_duplicate=False)
        self._strides = {name: p.stride() for name, p in named}
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
        for name, parameter in self.module.named_parameters(remove_duplicate=False):
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
    wrapper.optimizer.register_load_state_dict_pre_hook(keep_parts_of_state)
    if wrapper.clip_grad_kwargs:
        wrapper.clip_func = _giving_whole(wrapper.clip_func)


def _require_averages(device: torch.device) -> None:
    """Some torch before 2.13 gives the sum over gloo where ``fully_shard`` asks for the average.

    See https://github.com/pytorch/pytorch/issues/162338.
    """
    if get_world_size() == 1:
        return
    # torch 2.13 renames the function.
    reduce_scatter = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor
    average, ones = torch.empty(1, device=device), torch.ones(get_world_size(), device=device)
    reduce_scatter(average, ones, op=dist.ReduceOp.AVG)
    if average.item() != 1:
        raise ConfigError(
            f"model_wrapper_cfg.type={FullyShardedModel.__name__!r} needs another torch: torch"
            f" {torch.__version__} sums over {dist.get_backend()} where it is to average"
        )


def _giving_whole(clip: Callable[..., Tensor | None]) -> Callable[..., Tensor | None]:
    @functools.wraps(clip)
    def clipped(*args: Any, **kwargs: Any) -> Tensor | None:
        norm = clip(*args, **kwargs)
        return None if norm is None else whole(norm)

    return clipped


def _units(module: nn.Module, unit_types: Sequence[str]) -> list[nn.Module]:
    """The units, those within others first."""
    found: dict[str, list[nn.Module]] = {name: [] for name in unit_types}
    inner = list(module.modules())[1:]
    for each in inner:
        for kind in type(each).__mro__:
            found.get(kind.__name__, []).append(each)
    missing = [name for name, some in found.items() if not some]
    if missing and tuple(unit_types) != UNIT_TYPES:
        raise ConfigError(
            f"model_wrapper_cfg.unit_types={list(unit_types)}: the network has no module of class"
            f" {missing[0]!r}"
        )
    chosen = {id(each) for some in found.values() for each in some}
    return [each for each in reversed(inner) if id(each) in chosen]


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
    groups: list[list[nn.Module]] = []
    for unit in units:
        norms: list[nn.Module] = [
            m for m in unit.modules() if isinstance(m, _NORMS) and m not in taken
        ]
        taken.update(norms)
        groups.append(norms)
    groups += [[m] for m in module.modules() if isinstance(m, _NORMS) and m not in taken]
    return [norms for norms in groups if any(p.numel() for n in norms for p in n.parameters())]


def _average_gradient(parameter: Tensor) -> None:
    assert parameter.grad is not None
    all_reduce(parameter.grad, op="mean")
