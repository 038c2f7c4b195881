"""Occlusion by windows in space and time, by captum.

Dimension letters: B clips, T frames, H×W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.explain.explainers.base import Explainer, MapsOverTime
from mmaction.explain.explainers.maps import frame_means
from mmaction.explain.explainers.options import check_count, check_sizes, require_captum
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS


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
        self._attr = require_captum(self.name)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> MapsOverTime:
        window, stride = self._sizes(tuple(clips.shape[2:]))
        method = self._attr.Occlusion(lambda x: model(x).scores)
        attributions = method.attribute(
            clips,
            sliding_window_shapes=(clips.shape[1], *window),
            strides=(clips.shape[1], *stride),
            target=target,
            perturbations_per_eval=max(1, self.batch_size // len(clips)),
        )
        spatial = attributions[:, 0].clamp_min(0)
        return spatial, frame_means(spatial)

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
