"""Grad-CAM for video and its kin: a layer's features, weighed by their gradients.

Dimension letters: B clips, C channels, T' steps in time and h×w cells of a layer's features.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmaction.explain.explainers.base import Explainer, target_scores
from mmaction.explain.explainers.layers import Layer, check_layer
from mmaction.explain.explainers.options import check
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS


class GradientCAM(Explainer):
    """A map of a layer's features A and of the gradients G = ∂y/∂A of the target's logit y.

    Of transformers, A are the tokens, laid out by the grid that the backbone declares; class tokens
    are left out.

    Args:
        layer: Dotted name of the module whose output is taken, such as ``backbone.layer3`` or
            ``backbone.network.layers.11``; default: the residual stage before the perception
            scores, ``perception_branch.stage`` of ST-ABN and else ``backbone``, which ends in its
            last stage.
    """

    uses_gradients: ClassVar[bool] = True

    def __init__(self, *, layer: str | None = None) -> None:
        self.layer = check_layer(self.name, layer)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        layer = Layer.find(model, self.layer, explainer=self.name)
        taken: list[Tensor] = []

        def take(_module: nn.Module, _args: Any, given: Any) -> Any:
            # A leaf of its own: gradients reach it also where all parameters are frozen, and the
            # graph before it is let go. What runs next may write into what it gets: the clone.
            taken.append(layer.output(given).detach().requires_grad_())
            passed_on = taken[-1].clone()
            return (passed_on, *given[1:]) if isinstance(given, tuple) else passed_on

        with layer.module.register_forward_hook(take):
            score = target_scores(model, clips, target).sum()
        if len(taken) != 1 or not score.requires_grad:
            raise layer.unreadable()
        (gradient,) = torch.autograd.grad(score, taken, allow_unused=True)
        if gradient is None:
            raise layer.unreadable()
        return self._map(*(layer.lay_out(x, clips) for x in (taken[0].detach(), gradient)))

    @abstractmethod
    def _map(self, features: Tensor, gradients: Tensor) -> Tensor:
        """Both float, B×C×T'×h×w, to B×T'×h×w."""


@EXPLAINERS.register_module(name="grad_cam")
class GradCAM(GradientCAM):
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
        layer: See ``GradientCAM``.
    """

    name: ClassVar[str] = "grad_cam"

    def __init__(self, *, per_frame: bool = False, layer: str | None = None) -> None:
        super().__init__(layer=layer)
        fits = isinstance(per_frame, bool)
        self.per_frame = check(
            self.name, "per_frame", per_frame, fits=fits, expected="True or False"
        )

    def _map(self, features: Tensor, gradients: Tensor) -> Tensor:
        weights = gradients.mean(dim=(3, 4) if self.per_frame else (2, 3, 4), keepdim=True)
        return torch.relu((weights * features).sum(dim=1))


@EXPLAINERS.register_module(name="grad_cam_pp")
class GradCAMPlusPlus(GradientCAM):
    """Grad-CAM++ (Chattopadhay et al., WACV 2018, arXiv:1710.11063).

    map = ReLU(Σ_c w_c·A_c), w_c = Σ α·ReLU(G_c) over T', h and w, with
        α = G_c² / (2·G_c² + G_c³·Σ A_c), 0 where the denominator is 0.
    It is for the score exp(y), whose own factor, the same for all cells, is left out. For features
    that are not negative, as behind a ReLU: else the denominator may have either sign.

    Spatial: ≥ 0, as fine as the layer. Temporal: its frame means.
    """

    name: ClassVar[str] = "grad_cam_pp"

    def _map(self, features: Tensor, gradients: Tensor) -> Tensor:
        # Divided by G²: gradients, of which there are thousands, are too small to be cubed.
        below = 2 + gradients * features.sum(dim=(2, 3, 4), keepdim=True)
        alpha = torch.where(below != 0, 1 / below, 0)
        weights = (alpha * torch.relu(gradients)).sum(dim=(2, 3, 4), keepdim=True)
        return torch.relu((weights * features).sum(dim=1))


@EXPLAINERS.register_module(name="hires_cam")
class HiResCAM(GradientCAM):
    """HiResCAM (Draelos and Carin, 2020, arXiv:2011.08891): map = ReLU(Σ_c G_c·A_c), cell by cell.

    Where y is a linear of the layer, the sum before the ReLU is what each cell adds to it.

    Spatial: ≥ 0, as fine as the layer. Temporal: its frame means.
    """

    name: ClassVar[str] = "hires_cam"

    def _map(self, features: Tensor, gradients: Tensor) -> Tensor:
        return torch.relu((gradients * features).sum(dim=1))


@EXPLAINERS.register_module(name="layer_cam")
class LayerCAM(GradientCAM):
    """LayerCAM (Jiang et al., IEEE TIP 2021): map = ReLU(Σ_c ReLU(G_c)·A_c), cell by cell.

    Made for layers in the middle of a network too, where Grad-CAM's one weight a channel is coarse.

    Spatial: ≥ 0, as fine as the layer. Temporal: its frame means.
    """

    name: ClassVar[str] = "layer_cam"

    def _map(self, features: Tensor, gradients: Tensor) -> Tensor:
        return torch.relu((torch.relu(gradients) * features).sum(dim=1))
