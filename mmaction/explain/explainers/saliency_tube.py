"""Saliency tubes: the last features, weighed by the head's own weights.

Dimension letters: B clips, C channels, T' steps in time and h×w cells of the features, K classes.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.explain.explainers.base import Explainer, target_scores
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS

_HEADS = ("perception_branch", "head")
# Of the sum of the terms' sizes: far above float32's rounding, far below another head's difference.
_TOLERANCE = 1e-3


@EXPLAINERS.register_module(name="saliency_tube")
class SaliencyTube(Explainer):
    """Saliency tubes (Stergiou et al., ICIP 2019, arXiv:1902.01078).

    For a head that averages the features F, B×C×T'×h×w, over T'×h×w and names class k by a linear
    with weights W, K×C, and biases b:
        tube = Σ_c W_kc·F_c,   and   mean of the tube + b_k = the logit of class k.
    The tube thus splits the logit among the cells. It holds for such heads only: ST-ABN's
    perception branch and the plain recognizer's head. Any other is refused, also one that merely
    looks like it: the sum is compared with the logit.

    Spatial: any sign, in units of the logit; cells below zero speak against the class. As fine as
    the last features; under a temporal stride each step stands for its frames. Temporal: its frame
    means, of any sign.
    """

    name: ClassVar[str] = "saliency_tube"

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        stage, linear = _plain_head(model)
        taken: list[Any] = []
        with stage.register_forward_hook(lambda _module, _args, output: taken.append(output)):
            logits = target_scores(model, clips, target)
        features = taken[-1] if taken else None
        if not isinstance(features, Tensor) or features.shape[1:2] != (linear.in_features,):
            raise _not_plain(model)
        weights = linear.weight[target]
        tube = torch.einsum("bc,bcthw->bthw", weights, features)
        bias = torch.zeros_like(logits) if linear.bias is None else linear.bias[target]
        size = torch.einsum("bc,bcthw->bthw", weights.abs(), features.abs()).mean(dim=(1, 2, 3))
        error = (tube.mean(dim=(1, 2, 3)) + bias - logits).abs()
        # Not-a-number is no misfit: the maps' own check reports it.
        if (error > _TOLERANCE * (size + bias.abs())).any():
            raise _not_plain(model)
        return tube


def _plain_head(model: nn.Module) -> tuple[nn.Module, nn.Linear]:
    """The module whose output is averaged, and the linear that reads the average."""
    for name in _HEADS:
        head = getattr(model, name, None)
        stage, linear = getattr(head, "stage", None), getattr(head, "fc", None)
        if isinstance(stage, nn.Module) and isinstance(linear, nn.Linear):
            return stage, linear
    raise _not_plain(model)


def _not_plain(model: nn.Module) -> ConfigError:
    return ConfigError(
        f"explainer saliency_tube: the scores of {type(model).__name__} are not a linear of "
        "averaged features; take another explainer, such as grad_cam"
    )
