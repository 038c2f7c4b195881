"""Weights, gradients and optimizer spread over the processes: FSDP2, torch's ``fully_shard``."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import all_reduce, get_world_size
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmaction.checkpoint.sharded_tensors import keep_parts
from mmaction.errors import ConfigError
from mmaction.registry import MODEL_WRAPPERS

SHARD_UNITS = ("ResidualBlock",)


@MODEL_WRAPPERS.register_module()
class FullyShardedModel(nn.Module):
    """Keeps in each process a part of each weight, of its gradient and of its optimizer's state.

    A unit is a module of a class that the network's backbone names in ``shard_units``, or of one
    derived from it: ``ResidualBlock`` where it names none. Units take and give tensors; what is
    outside of them is one more unit. Before a unit computes, its weights are gathered from all
    processes; afterwards they are let go. Gradients are averaged as they are spread. A training
    ends as under DDP.

    ``eval()`` gathers all weights, so all processes have to call it; ``train()`` lets them go. In
    between each process computes alone, and may have more batches than another. Reading
    ``state_dict()`` lets them go, too.

    Args:
        module: The network, on its device, its weights the same in all processes.
        reshard_after_forward: Let a unit's weights go after its forward pass and gather them again
            for its backward pass; False: after the backward pass, for more memory and less traffic.

    Raises:
        ConfigError: A torch that averages wrongly, or a backbone without its own ``shard_units``.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        reshard_after_forward: bool = True,
    ) -> None:
        super().__init__()
        _require_averages(next(module.parameters()).device)
        _shard(module, _units(module), reshard_after_forward)
        module.register_load_state_dict_pre_hook(keep_parts)
        self.module = module
        self._reshard_after_forward = reshard_after_forward

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """As the network's."""
        return self.module.train_step(data, optim_wrapper)  # type: ignore[operator]

    def val_step(self, data: Any) -> list[Any]:
        """As the network's; after ``eval()``."""
        return self.module.val_step(data)  # type: ignore[operator]

    def test_step(self, data: Any) -> list[Any]:
        """As the network's; after ``eval()``."""
        return self.module.test_step(data)  # type: ignore[operator]

    def train(self, mode: bool = True) -> FullyShardedModel:
        super().train(mode)
        unit: Any
        for unit in self.module.modules():
            if hasattr(unit, "unshard"):  # fully_shard's
                keep = unit is self.module or not self._reshard_after_forward
                unit.set_reshard_after_forward(mode and not keep, recurse=False)
                unit.reshard() if mode else unit.unshard()
        return self


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


def _units(module: nn.Module) -> list[nn.Module]:
    """The units, those within others first."""
    backbone = getattr(module, "backbone", None)
    named: Sequence[str] = getattr(backbone, "shard_units", SHARD_UNITS)
    inner = list(module.modules())[1:]
    for name in named if hasattr(backbone, "shard_units") else ():
        if not any(_is_of(each, name) for each in inner):
            raise ConfigError(
                f"model.backbone.type={type(backbone).__name__!r}: its shard_units names"
                f" {name!r}, and the network has no module of that class"
            )
    return [each for each in reversed(inner) if any(_is_of(each, name) for name in named)]


def _is_of(module: nn.Module, name: str) -> bool:
    return any(kind.__name__ == name for kind in type(module).__mro__)


def _shard(module: nn.Module, units: Sequence[nn.Module], reshard_after_forward: bool) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    for parameter in module.parameters():
        parameter.data = parameter.data.contiguous()
    # A single number can't be parted: each process keeps it, its gradient averaged.
    numbers = {parameter for parameter in module.parameters() if parameter.ndim == 0}
    for parameter in numbers:
        if parameter.requires_grad:
            parameter.register_post_accumulate_grad_hook(_average_gradient)
    device = next(module.parameters()).device.type
    mesh = init_device_mesh(device, (get_world_size(),))
    for unit in units:
        fully_shard(
            unit, mesh=mesh, ignored_params=numbers, reshard_after_forward=reshard_after_forward
        )
    fully_shard(module, mesh=mesh, ignored_params=numbers, reshard_after_forward=False)


def _average_gradient(parameter: Tensor) -> None:
    assert parameter.grad is not None
    all_reduce(parameter.grad, op="mean")
