"""Features that a recognizer's head and branches read: a backbone's, or those of a neck over it."""

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


def extract(
    clips: Tensor, backbone: nn.Module, neck: nn.Module | None, *, steps: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """The features B×C×T'×h×w of clips, and a neck's auxiliary logits B×K while it trains.

    Args:
        clips: B×3×T×H×W.
        backbone: From clips to features, or to those of several stages.
        neck: From these to features.
        steps: T' where it must be that.
    """
    features = backbone(clips)
    if neck is not None:
        return neck(features)
    check_features(features, backbone, steps=steps)
    return features, None


def auxiliary_loss(recognizer: Any, prediction: Prediction, labels: Tensor) -> dict[str, Tensor]:
    """The loss of a neck's auxiliary scores, by its weight; empty where there are none."""
    scores = getattr(prediction, "auxiliary_scores", None)
    if scores is None:
        return {}
    return {
        "loss_auxiliary": recognizer.neck.auxiliary_weight * recognizer.loss_cls(scores, labels)
    }


def feature_channels(backbone: nn.Module) -> int:
    """C of a backbone's features B×C×T'×H×W.

    Raises:
        ConfigError: It doesn't say.
    """
    if len(levels := getattr(backbone, "level_channels", [])) > 1:
        raise ConfigError(
            f"backbone.out_stages gives the features of {len(levels)} stages, which is for a"
            " neck: leave it out, or set model.neck"
        )
    channels = getattr(backbone, "out_channels", None)
    if not isinstance(channels, int) or channels < 1:
        raise ConfigError(
            f"backbone {type(backbone).__name__} has out_channels={channels!r}: a backbone must"
            " declare C of its features B×C×T×H×W as out_channels"
        )
    return channels


def check_features(features: Any, backbone: nn.Module, *, steps: int | None = None) -> None:
    """Checks that features are what their backbone declares.

    Args:
        features: What the backbone has given.
        backbone: Who has given it.
        steps: T' where it must be that.

    Raises:
        ConfigError: They are not.
    """
    channels, stride = feature_channels(backbone), getattr(backbone, "temporal_stride", 1)
    shape = list(features.shape) if isinstance(features, Tensor) else []
    if len(shape) != 5 or shape[1] != channels or steps not in (None, shape[2]):
        given = "×".join(map(str, shape)) or f"a {type(features).__name__}"
        wanted = f"B×{channels}×{steps or 'T'}×H×W"
        raise ConfigError(
            f"backbone {type(backbone).__name__} gives {given}, not {wanted}: it must declare its"
            f" channels as out_channels (now {channels}) and how many frames go into a step in time"
            f" as temporal_stride (now {stride})"
        )
