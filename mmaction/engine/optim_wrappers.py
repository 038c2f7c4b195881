"""mmengine's optim wrappers without a wait for the device in each step; they take its place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW

from mmaction.checkpoint.sharded_tensors import is_part
from mmaction.registry import OPTIM_WRAPPERS, OPTIMIZERS


@OPTIM_WRAPPERS.register_module()
class TrainingOptimWrapper(OptimWrapper):
    """mmengine's; the gradients' norm stays on the device until the log wants it.

    A checkpoint does not say whether the optimizer is fused: that is the machine's business.
    """

    before_step: Callable[[Tensor, list[nn.Parameter], bool], None] | None = None
    _norm: Tensor | None = None

    def update_params(
        self,
        loss: Tensor,
        step_kwargs: dict[str, Any] | None = None,
        zero_kwargs: dict[str, Any] | None = None,
    ) -> None:
        """As mmengine's; ``before_step`` is shown loss and gradients before they are used.

        Gradients are shown as judged where the optimizer is about to step and no loss scaler will
        look at them.
        """
        scaled = self.scale_loss(loss)
        self.backward(scaled)
        update = self.should_update()
        if self.before_step is not None:
            of_all = (p for group in self.optimizer.param_groups for p in group["params"])
            judged = update and not isinstance(self, AmpOptimWrapper)
            self.before_step(loss, [p for p in of_all if p.grad is not None], judged)
        if update:
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def take_norm(self) -> list[tuple[str, Tensor]]:
        """Key and value for the log of what was clipped since the last call, if anything was."""
        norm, self._norm = self._norm, None
        return [] if norm is None else [(f"train/{self.grad_name}", norm)]

    def _clip_grad(self) -> None:
        of_all = (p for group in self.optimizer.param_groups for p in group["params"])
        parameters = [p for p in of_all if p.requires_grad and p.grad is not None]
        if parameters:
            self._norm = self.clip_func(parameters, **self.clip_grad_kwargs)

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
    kind = optimizer.get("type")
    kind = OPTIMIZERS.get(kind) if isinstance(kind, str) else kind
    # torch's fused SGD takes no parameters that are spread over processes.
    spread = any(is_part(parameter) for parameter in parameters)
    fusible = (Adam, AdamW) if spread else (Adam, AdamW, SGD)
    possible = inspect.isclass(kind) and issubclass(kind, fusible)
    said = any(key in optimizer for key in ("fused", "foreach", "differentiable"))
    if possible and not said and all(parameter.is_cuda for parameter in parameters):
        optimizer["fused"] = True
