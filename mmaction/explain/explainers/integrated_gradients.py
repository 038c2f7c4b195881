"""Integrated gradients, by captum.

Dimension letters: B clips, T frames, H×W pixels.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from mmaction.explain.explainers.base import Explainer, MapsOverTime
from mmaction.explain.explainers.maps import frame_means
from mmaction.explain.explainers.options import check_count, require_captum
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS


@EXPLAINERS.register_module(name="integrated_gradients")
class IntegratedGradients(Explainer):
    """Integrated gradients (Sundararajan et al., ICML 2017, arXiv:1703.01365).

    a = (x - x')·∫₀¹ ∂y/∂x at x' + α(x - x') dα, with x the clip, x' the mean colour (zero after
    normalisation), y the target's
    logit; the integral by Gauss-Legendre quadrature. The a of all pixels and channels sum to
    y(x) - y(x').

    Spatial: ≥ 0, the sum over the three channels of each one's max(a, 0); as fine as the
    clip, H×W. Temporal: its frame means.

    Args:
        steps: Points of the quadrature; each costs a forward and a backward pass.
        batch_size: Clips in one pass, at least B.

    Raises:
        UserError: captum is not installed.
    """

    name: ClassVar[str] = "integrated_gradients"
    uses_gradients: ClassVar[bool] = True

    def __init__(
        self,
        *,
        steps: int = 32,
        batch_size: int = 8,
    ) -> None:
        self.steps = check_count(self.name, "steps", steps)
        self.batch_size = check_count(self.name, "batch_size", batch_size)
        self._attr = require_captum(self.name)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> MapsOverTime:
        method = self._attr.IntegratedGradients(lambda x: model(x).scores)
        attributions = method.attribute(
            clips,
            target=target,
            n_steps=self.steps,
            internal_batch_size=max(self.batch_size, len(clips)),
        )
        spatial = attributions.clamp_min(0).sum(dim=1)
        return spatial, frame_means(spatial)
