"""Score-CAM for video: a layer's channels, weighed by what the model says behind each of them.

Dimension letters: B clips, C channels, T frames, H×W pixels, T'×h×w steps and cells of a layer.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmaction.explain.explainers.base import Explainer, target_scores
from mmaction.explain.explainers.layers import Layer, check_layer
from mmaction.explain.explainers.options import check_count
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS


@EXPLAINERS.register_module(name="score_cam")
class ScoreCAM(Explainer):
    """Score-CAM (Wang et al., CVPR Workshops 2020, arXiv:1910.01279), without gradients.

    With the features A, B×C×T'×h×w, of a layer, up their trilinear enlargement to T×H×W, s the
    stretch of a clip's channel to [0, 1], x the clip and y the target's logit:
        map = ReLU(Σ_c w_c·A_c),   w = softmax over c of y(x·s(up(A_c)))
    (less the logit of a clip that is the mean colour, zero after normalisation; the softmax takes
    that away). Channels that are the same in all cells say nothing of where, and are left out.

    Spatial: ≥ 0, as fine as the layer. Temporal: its frame means.

    Args:
        layer: As of ``grad_cam``. Each of its channels costs a forward pass of each clip.
        batch_size: Clips in one forward pass, at least B.
    """

    name: ClassVar[str] = "score_cam"

    def __init__(self, *, layer: str | None = None, batch_size: int = 16) -> None:
        self.layer = check_layer(self.name, layer)
        self.batch_size = check_count(self.name, "batch_size", batch_size)

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        features = self._features(model, clips)
        scores = [
            self._behind(model, clips, channels, target)
            for channels in features.split(max(1, self.batch_size // len(clips)), dim=1)
        ]
        low, high = features.amin((2, 3, 4)), features.amax((2, 3, 4))
        # Not equal rather than above: what is not a number goes on, and is reported.
        varied = torch.where(low != high, torch.cat(scores, dim=1), -torch.inf)
        none = (low == high).all(dim=1, keepdim=True)
        weights = torch.where(none, 0, varied.softmax(dim=1))
        return torch.relu(torch.einsum("bc,bcthw->bthw", weights, features))

    def _features(self, model: BaseRecognizer, clips: Tensor) -> Tensor:
        """What the layer gives, float, B×C×T'×h×w."""
        layer = Layer.find(model, self.layer, explainer=self.name)
        taken: list[Tensor] = []

        def take(_module: nn.Module, _args: Any, given: Any) -> None:
            # What runs next may write into it.
            taken.append(layer.output(given).clone())

        with layer.module.register_forward_hook(take):
            model(clips)
        if len(taken) != 1:
            raise layer.unreadable()
        return layer.lay_out(taken[0], clips)

    def _behind(
        self, model: BaseRecognizer, clips: Tensor, channels: Tensor, target: Tensor
    ) -> Tensor:
        """The target's logit of clips seen through channels B×n×T'×h×w: float, B×n."""
        masks = F.interpolate(channels, size=clips.shape[2:], mode="trilinear", align_corners=False)
        low, high = masks.amin((2, 3, 4), keepdim=True), masks.amax((2, 3, 4), keepdim=True)
        masks = (masks - low) / torch.where(high == low, 1, high - low)
        blended = (clips[:, None] * masks[:, :, None]).flatten(0, 1)
        count = channels.shape[1]
        logits = target_scores(model, blended, target.repeat_interleave(count))
        return logits.view(len(clips), count)
