"""Grad-CAM for video: the channels of a layer, weighed by their gradients.

Dimension letters: B clips, C channels, T' steps in time and h×w cells of a layer's features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmaction.errors import ConfigError, near
from mmaction.explain.explainers.base import Explainer, target_scores
from mmaction.explain.explainers.options import check
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS


@EXPLAINERS.register_module(name="grad_cam")
class GradCAM(Explainer):
    """Grad-CAM (Selvaraju et al., ICCV 2017, arXiv:1610.02391).

    With the features A, B×C×T'×h×w, of a layer and the target's logit y:
        map = ReLU(Σ_c w_c·A_c)
    Two definitions of w are in use for video:
        over the clip (default): w_c = mean of ∂y/∂A_c over T', h and w;
        per frame: w_c(t) = mean of ∂y/∂A_c(t) over h and w, another weight for each step.
    Both are the same where y reads the layer through a global average and a linear, as it does the
    default layer: there the gradient is a constant a channel.

    Spatial: ≥ 0, as fine as the layer; zero everywhere where nothing speaks for the class. Under a
    temporal stride each step stands for its frames. Temporal: its frame means.

    Args:
        per_frame: Which definition.
        layer: Dotted name of the module whose output is taken, such as ``backbone.layer3``;
            default: the residual stage before the perception scores, ``perception_branch.stage``
            of ST-ABN and else ``backbone``, which ends in its last stage.
    """

    name: ClassVar[str] = "grad_cam"
    uses_gradients: ClassVar[bool] = True

    def __init__(self, *, per_frame: bool = False, layer: str | None = None) -> None:
        fits = isinstance(per_frame, bool)
        self.per_frame = check(
            self.name, "per_frame", per_frame, fits=fits, expected="True or False"
        )
        fits = layer is None or (isinstance(layer, str) and layer != "")
        self.layer = check(self.name, "layer", layer, fits=fits, expected="a module's name")

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        modules = dict(model.named_modules())
        layer = self.layer or _default_layer(modules)
        if layer not in modules:
            raise ConfigError(
                f"explainer grad_cam: layer={layer!r} is no module of {type(model).__name__}"
                f"{near(layer, filter(None, modules))}"
            )
        taken: list[Any] = []

        def take(_module: nn.Module, _args: Any, output: Any) -> Any:
            if not isinstance(output, Tensor) or output.ndim != 5:
                raise _unreadable(layer)
            # A leaf of its own: gradients reach it also where all parameters are frozen, and the
            # graph before it is let go. What runs next may write into what it gets: the clone.
            taken.append(output.detach().requires_grad_())
            return taken[-1].clone()

        with modules[layer].register_forward_hook(take):
            score = target_scores(model, clips, target).sum()
        if len(taken) != 1 or not score.requires_grad:
            raise _unreadable(layer)
        [features] = taken
        (gradients,) = torch.autograd.grad(score, features, allow_unused=True)
        if gradients is None:
            raise _unreadable(layer)
        weights = gradients.mean(dim=(3, 4) if self.per_frame else (2, 3, 4), keepdim=True)
        return torch.relu((weights * features).sum(dim=1))


def _unreadable(layer: str) -> ConfigError:
    return ConfigError(
        f"explainer grad_cam: layer={layer!r} must run once in a forward pass, give features "
        "B×C×T×h×w and have a part in the perception scores"
    )


def _default_layer(modules: Mapping[str, nn.Module]) -> str:
    for name in ("perception_branch.stage", "backbone"):
        if name in modules:
            return name
    raise ConfigError(
        f"explainer grad_cam: {type(modules['']).__name__} has neither a perception branch nor a "
        "backbone; name a layer=…"
    )
