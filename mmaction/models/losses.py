"""What scores are trained by: cross-entropies of whole, smoothed, mixed and several labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.registry import MODELS


class _ClassLoss(nn.Module):
    """Logits B×K and labels, int64 B or shares in [0, 1] float B×K, to a scalar.

    Attributes:
        multi_label: Whether each class is a question of its own, and scores become probabilities
            by a sigmoid rather than a softmax.
    """

    multi_label: ClassVar[bool]
    class_weights: Tensor | None

    def __init__(self, *, class_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        if class_weights is not None and min(class_weights, default=-1) < 0:
            raise ConfigError(
                f"loss_cls.class_weights={class_weights!r}: expected a number >= 0 for each class"
            )
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float)
        self.register_buffer("class_weights", weights, persistent=False)


@MODELS.register_module()
class CrossEntropy(_ClassLoss):
    """−Σ_k w_k·y_k·log softmax(s)_k, y smoothed to (1 − ε)·y + ε/K (arXiv:1512.00567).

    Its mean over clips; of class labels with weights, as torch has it, the weighted mean.

    Args:
        label_smoothing: ε, in [0, 1).
        class_weights: w, K numbers >= 0; None: 1 each.

    Raises:
        ConfigError: A value out of its range.
    """

    multi_label = False

    def __init__(
        self, *, label_smoothing: float = 0.0, class_weights: Sequence[float] | None = None
    ) -> None:
        super().__init__(class_weights=class_weights)
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f"loss_cls.label_smoothing={label_smoothing}: it lies in [0, 1)")
        self.label_smoothing = label_smoothing

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(
            scores, labels, self.class_weights, label_smoothing=self.label_smoothing
        )


@MODELS.register_module()
class BinaryCrossEntropy(_ClassLoss):
    """−w_k·(y_k·log σ(s_k) + (1 − y_k)·log(1 − σ(s_k))), its mean over clips and classes.

    For lists with several labels a video; of one label it trains one classifier against the rest.

    Args:
        class_weights: w, K numbers >= 0; None: 1 each.

    Raises:
        ConfigError: A weight below 0.
    """

    multi_label = True

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        if labels.ndim == 1:
            labels = F.one_hot(labels, scores.shape[1])
        return F.binary_cross_entropy_with_logits(
            scores, labels.to(scores.dtype), self.class_weights
        )


def top1(scores: Tensor, labels: Tensor) -> Tensor:
    """Share of clips whose highest score is their label's: a scalar in [0, 1], on the device.

    Where labels are shares of classes, B×K, the mean share of the class with the highest score.
    """
    answers = scores.argmax(dim=1)
    if labels.ndim == 1:
        return (answers == labels).float().mean()
    return labels.gather(1, answers[:, None]).mean()
