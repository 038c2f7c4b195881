"""Integrated gradients, and occlusion by windows in space and time, by captum.

Dimension letters: B clips, T frames, H×W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import ClassVar

from torch import Tensor

from mmaction.errors import ConfigError, UserError
from mmaction.explain.explainers.base import Explainer
from mmaction.explain.explainers.options import check_count, check_sizes
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS


@EXPLAINERS.register_module(name="integrated_gradients")
class IntegratedGradients(Explainer):
    """Integrated gradients (Sundararajan et al., ICML 2017, arXiv:1703.01365).

    a = (x - x')·∫₀¹ ∂y/∂x at x' + α(x - x') dα, with x the clip, x' the mean colour (zero after
    normalisation), y the target's logit; the integral by Gauss-Legendre quadrature. The a of all
    pixels and channels sum to y(x) - y(x').

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

    def __init__(self, *, steps: int = 32, batch_size: int = 8) -> None:
        self.steps = check_count(self.name, "steps", steps)
        self.batch_size = check_count(self.name, "batch_size", batch_size)
        self._attr = captum_attr(self.name)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        method = self._attr.IntegratedGradients(lambda x: model(x).scores)
        attributions = method.attribute(
            clips,
            target=target,
            n_steps=self.steps,
            internal_batch_size=max(self.batch_size, len(clips)),
        )
        return attributions.clamp_min(0).sum(dim=1)


@EXPLAINERS.register_module(name="occlusion")
class Occlusion(Explainer):
    """Occlusion (Zeiler and Fergus, ECCV 2014, arXiv:1311.2901) by boxes of frames and pixels.

    A window slides over the clip and puts the mean colour (zero after normalisation) in the place
    of all that it covers, in all three channels. A pixel's value a is the mean, over the windows
    that cover it, of how far the target's logit falls; the last windows are cut off at the clip's
    end.

    Spatial: ≥ 0, max(a, 0), the same for each channel and so counted once; as fine as the
    clip, H×W. Temporal: its frame means.

    Args:
        window: (T, H, W) of the window, in frames and pixels; default: a quarter of the clip's.
        stride: (T, H, W) of its steps, none above the window's; default: half the window.
        batch_size: Clips in one forward pass, at least B.

    Raises:
        UserError: captum is not installed.
    """

    name: ClassVar[str] = "occlusion"

    def __init__(
        self,
        *,
        window: Sequence[int] | None = None,
        stride: Sequence[int] | None = None,
        batch_size: int = 16,
    ) -> None:
        self.window = None if window is None else check_sizes(self.name, "window", window, "THW")
        self.stride = None if stride is None else check_sizes(self.name, "stride", stride, "THW")
        self.batch_size = check_count(self.name, "batch_size", batch_size)
        self._attr = captum_attr(self.name)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        window, stride = self._sizes(tuple(clips.shape[2:]))
        method = self._attr.Occlusion(lambda x: model(x).scores)
        attributions = method.attribute(
            clips,
            sliding_window_shapes=(clips.shape[1], *window),
            strides=(clips.shape[1], *stride),
            target=target,
            perturbations_per_eval=max(1, self.batch_size // len(clips)),
        )
        return attributions[:, 0].clamp_min(0)

    def _sizes(self, clip: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The window and its stride for clips of (T, H, W)."""
        window = self.window or tuple(-(-size // 4) for size in clip)
        stride = self.stride or tuple(-(-size // 2) for size in window)
        if any(w > size for w, size in zip(window, clip, strict=True)):
            raise ConfigError(
                f"explainer occlusion: window={window} does not fit into clips of {clip} (T, H, W)"
            )
        if any(s > w for s, w in zip(stride, window, strict=True)):
            raise ConfigError(
                f"explainer occlusion: stride={stride} leaves gaps between windows of {window}"
            )
        return window, stride


def captum_attr(explainer: str) -> ModuleType:
    """``captum.attr``.

    Raises:
        UserError: It is not installed.
    """
    try:
        import captum.attr
    except ImportError as error:
        raise UserError(
            f"explainer {explainer} needs captum ({error}): pip install st-abn[explain]"
        ) from error
    return captum.attr
