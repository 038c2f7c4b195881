"""A neck over a recognizer's backbone, and what it adds to the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.registry import MODELS
from mmaction.structures import Prediction


@dataclass(frozen=True)
class NeckPrediction(Prediction):
    """What the losses read beside the answer.

    Attributes:
        auxiliary_scores: float, B×K: logits of a neck's auxiliary head; None but while it trains.
    """

    auxiliary_scores: Tensor | None = None


def build_neck(
    neck: dict[str, Any], backbone: nn.Module, *, clip_len: int, num_classes: int
) -> Any:
    """The neck of a recognizer, which knows its sizes from its backbone.

    Args:
        neck: Its config.
        backbone: With ``level_channels``, of the stages whose features it gives.
        clip_len: T of the clips.
        num_classes: K, of an auxiliary head.

    Raises:
        ConfigError: The backbone gives the features of one stage alone.
    """
    levels = getattr(backbone, "level_channels", [])
    if len(levels) < 2:
        raise ConfigError(
            f"model.neck.type={neck.get('type')!r} reads several stages: set backbone.out_stages,"
            " such as (3, 4) of a ResNet3D"
        )
    steps = -(-clip_len // getattr(backbone, "temporal_stride", 1))
    sizes = dict(in_channels=levels, clip_len=steps, num_classes=num_classes)
    return MODELS.build(neck, default_args=sizes)
