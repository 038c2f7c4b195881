"""The plain baseline: backbone, global average, head."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from mmaction.models.losses import top1
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.models.recognizers.features import (
    NeckPrediction,
    auxiliary_loss,
    build_neck,
    extract,
    feature_channels,
)
from mmaction.registry import MODELS
from mmaction.structures import Prediction


@MODELS.register_module()
class Recognizer3D(BaseRecognizer):
    """Backbone (→ neck) → pool → head: what ST-ABN is without its attention.

    Args:
        backbone: Config of a network from clips B×3×T×H×W to features B×C×T'×h×w, with
            ``out_channels``, which is C.
        neck: Config of a neck over several of its stages (``ResNet3D.out_stages``), such as
            ``TPN``.
        head: Config of the head on the features; a ``PerceptionBranch`` without a stage of its own.
        **kwargs: See ``BaseRecognizer``.
    """

    def __init__(
        self,
        *,
        backbone: dict[str, Any],
        neck: dict[str, Any] | None = None,
        head: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.backbone = MODELS.build(backbone)
        sizes = dict(clip_len=self.clip_len, num_classes=self.num_classes)
        self.neck: Any = None if neck is None else build_neck(neck, self.backbone, **sizes)
        stage = nn.Identity()
        channels = feature_channels(self.neck or self.backbone)
        stage.out_channels = channels  # type: ignore[assignment]
        self.head = MODELS.build(
            dict(type="PerceptionBranch") | (head or {}),
            default_args=dict(stage=stage, num_classes=self.num_classes),
        )

    def predict_clips(self, clips: Tensor) -> Prediction:
        features, auxiliary = extract(clips, self.backbone, self.neck)
        return NeckPrediction(scores=self.head(features), auxiliary_scores=auxiliary)

    def predict_features(self, features: Tensor) -> Prediction:
        return Prediction(scores=self.head(features))

    def losses(self, prediction: Prediction, labels: Tensor) -> dict[str, Tensor]:
        return {
            "loss_perception": self.loss_cls(prediction.scores, labels),
            "top1_perception": top1(prediction.scores, labels),
            **auxiliary_loss(self, prediction, labels),
        }
