"""The plain baseline: backbone, global average, head."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from mmaction.models.losses import top1
from mmaction.models.recognizers.base import (
    BaseRecognizer,
    check_features,
    feature_channels,
)
from mmaction.registry import MODELS
from mmaction.structures import Prediction


@MODELS.register_module()
class Recognizer3D(BaseRecognizer):
    """Backbone → pool → head: what ST-ABN is without its attention.

    Args:
        backbone: Config of a network from clips B×3×T×H×W to features B×C×T'×h×w, with
            ``out_channels``, which is C.
        head: Config of the head on the features; a ``PerceptionBranch`` without a stage of its own.
        **kwargs: See ``BaseRecognizer``.
    """

    def __init__(
        self, *, backbone: dict[str, Any], head: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.backbone = MODELS.build(backbone)
        stage = nn.Identity()
        stage.out_channels = feature_channels(self.backbone)  # type: ignore[assignment]
        self.head = MODELS.build(
            dict(type="PerceptionBranch") | (head or {}),
            default_args=dict(stage=stage, num_classes=self.num_classes),
        )

    def predict_clips(self, clips: Tensor) -> Prediction:
        features = self.backbone(clips)
        check_features(features, self.backbone)
        return self.predict_features(features)

    def predict_features(self, features: Tensor) -> Prediction:
        return Prediction(scores=self.head(features))

    def losses(self, prediction: Prediction, labels: Tensor) -> dict[str, Tensor]:
        return {
            "loss_perception": self.loss_cls(prediction.scores, labels),
            "top1_perception": top1(prediction.scores, labels),
        }
