"""mmengine's optim wrappers, their steps looked at first; they take its place."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD, Adam, AdamW

from mmaction.checkpoint.sharded_tensors import is_part, own_part, whole
from mmaction.registry import OPTIM_WRAPPERS, OPTIMIZERS


@OPTIM_WRAPPERS.register_module()
class TrainingOptimWrapper(OptimWrapper):
    """mmengine's; it takes its place.

    A checkpoint does not say whether the optimizer is fused: that is the machine's business.
    """

    @property
    def clips_by_norm(self) -> bool:
        """Whether gradients are clipped by the norm of all of them, which then is logged."""
        return bool(self.clip_grad_kwargs) and self.clip_func is clip_grad_norm_

    def gradient_norm(self) -> Tensor:
        """Of all gradients, before they are clipped; not finite where one of them is not.

        Returns:
            Scalar on their device. Of sharded gradients that are not clipped by it, it is the norm
            of this process's parts.
        """
        kind = float((self.clip_grad_kwargs or {}).get("norm_type", 2))
        gradients: list[Any] = [parameter.grad for parameter in self._parameters()]
        if not self.clips_by_norm:
            gradients = [own_part(gradient) for gradient in gradients]
        norms = torch.stack(list(torch._foreach_norm(gradients, kind)))
        return whole(torch.linalg.vector_norm(norms, kind))

    def _parameters(self) -> list[nn.Parameter]:
        groups = self.optimizer.param_groups
        return [p for group in groups for p in group["params"] if p.grad is not None]

    def _clip_grad(self) -> None:
        """As mmengine's, which also logs the norm: for that the host would wait."""
        self.clip_func(self._parameters(), **self.clip_grad_kwargs)

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

    def gradient_norm(self) -> Tensor:
        """Of the gradients as they will be when their scale is taken out again."""
        norm = super().gradient_norm()
        return norm / self.loss_scaler.scale(torch.ones_like(norm))


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
