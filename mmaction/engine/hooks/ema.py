"""A moving average of the weights, also where they are spread over the processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.hooks import EMAHook
from torch import nn

from mmaction.checkpoint.sharded_tensors import keep_parts
from mmaction.engine.sharding import FullyShardedModel
from mmaction.registry import HOOKS, MODELS

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner


@HOOKS.register_module()
class ShardedEMAHook(EMAHook):
    """mmengine's hook; it takes its place. The average of a sharded weight is sharded as it is."""

    _sharded: FullyShardedModel | None = None

    def before_run(self, runner: ActionRunner) -> None:
        """As mmengine's, which copies the network; a sharded one can't be copied."""
        if not isinstance(runner.model, FullyShardedModel):
            super().before_run(runner)
            return
        self._sharded = runner.model
        self.src_model = runner.model.module
        copy = tensors_of(self.src_model)
        self.ema_model = MODELS.build(self.ema_cfg, default_args=dict(model=copy))
        self.ema_model.module.register_load_state_dict_pre_hook(keep_parts)

    def _swap_ema_parameters(self) -> None:
        """As mmengine's, of the parts: validation has gathered them."""
        if self._sharded is not None:
            self._sharded.train()
        super()._swap_ema_parameters()


def tensors_of(module: nn.Module) -> nn.Module:
    """A copy of the parameters and buffers alone, named and ordered as they are in ``module``."""
    bare = nn.Module()
    for name, parameter in module.named_parameters(recurse=False):
        bare.register_parameter(name, nn.Parameter(parameter.detach().clone(), False))
    for name, buffer in module.named_buffers(recurse=False):
        kept = name not in module._non_persistent_buffers_set
        bare.register_buffer(name, buffer.clone(), persistent=kept)
    for name, child in module.named_children():
        bare.add_module(name, tensors_of(child))
    return bare
