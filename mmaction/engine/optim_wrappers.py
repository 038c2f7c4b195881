"""mmengine's optim wrappers, their steps looked at first; they take its place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW

from mmaction.checkpoint.sharded_tensors import is_part, own_part, whole
from mmaction.registry import OPTIM_WRAPPERS, OPTIMIZERS


@OPTIM_WRAPPERS.register_module()
class TrainingOptimWrapper(OptimWrapper):
    """mmengine's; it takes its place.

    A checkpoint does not say whether the optimizer is fused: that is the machine's business.

    Attributes:
        before_step: Called with the loss and the gradients' norms, one a parameter, before they
            are used; without norms where no step follows or a loss scaler will look at them.
        norm: Of all gradients at the newest step, before they were clipped, on their device; None
            where they are not clipped by it.
    """

    before_step: Callable[[Tensor, Sequence[Tensor]], None] | None = None
    norm: Tensor | None = None

    def update_params(
        self,
        loss: Tensor,
        step_kwargs: dict[str, Any] | None = None,
        zero_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """As mmengine's, with ``before_step``."""
        self.norm = None
        self.backward(self.scale_loss(loss))
        update = self.should_update()
        if self.before_step is not None:
            judged = update and not isinstance(self, AmpOptimWrapper)
            self.before_step(loss, self._norms() if judged else ())
        if update:
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def _parameters(self) -> list[nn.Parameter]:
        groups = self.optimizer.param_groups
        return [p for group in groups for p in group["params"] if p.grad is not None]

    def _norms(self) -> Sequence[Tensor]:
        gradients = [own_part(p.grad) for p in self._parameters() if p.grad is not None]
        return torch._foreach_norm(gradients) if gradients else ()

    def _clip_grad(self) -> None:
        parameters = self._parameters()
        if parameters:
            self.norm = whole(self.clip_func(parameters, **self.clip_grad_kwargs))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As mmengine's, with ``fused`` as this optimizer has it."""
        own = self.optimizer.defaults
        if "fused" in own:
            groups = [{**group, "fused": own["fused"]} for group in state_dict["param_groups"]]
            state_dict = {**state_dict, "param_groups": groups}
        super().load_state_dict(state_dict)


@OPTIM_WRAPPERS.register_module()
class TrainingAmpOptimWrapper(TrainingOptimWrapper, AmpOptimWrapper):
    """mmengine's likewise: fp16, the loss scaled."""


def fuse_on_gpu(optimizer: dict[str, Any], parameters: Iterable[nn.Parameter]) -> None:
    """Makes an optimizer ``fused`` on a GPU where its config does not say how it computes.

    One kernel instead of many, and the device can leave a step out by itself.

    Args:
        optimizer: Config, changed in place.
        parameters: What it is for.
    """
    parameters = list(parameters)
    said = any(key in optimizer for key in ("fused", "foreach", "differentiable"))
    if said or not all(parameter.is_cuda for parameter in parameters):
        return
    kind = optimizer.get("type")
    kind = OPTIMIZERS.get(kind) if isinstance(kind, str) else kind
    # torch's fused SGD takes no parameters that are spread over processes.
    spread = any(is_part(parameter) for parameter in parameters)
    fusible = (Adam, AdamW) if spread else (Adam, AdamW, SGD)
    if inspect.isclass(kind) and issubclass(kind, fusible):
        optimizer["fused"] = True
