"""Accuracies of classification scores. N videos, K classes."""

from __future__ import annotations

import numpy as np

from mmaction.errors import UserError


def require_finite(scores: np.ndarray) -> None:
    """Raises UserError where a score is NaN or infinite: no order can be told."""
    if not np.isfinite(scores).all():
        raise UserError(
            "scores hold NaN or infinity: the training has diverged, or the checkpoint is broken"
        )


def label_ranks(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes come before each video's label: 0 where it is the top-1 answer.

    Equal scores are ordered by class id, as ``argmax`` does.

    Args:
        scores: float, N×K, finite.
        labels: int, N, in [0, K).

    Returns:
        int64, N, in [0, K).

    Raises:
        UserError: A score is NaN or infinite: no order can be told.
    """
    require_finite(scores)
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    before = np.arange(scores.shape[1]) < labels[:, None]
    return ((scores > own) | ((scores == own) & before)).sum(axis=1)


def top_k_accuracy(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of videos whose label is among the ``k`` highest scores, in [0, 1].

    Args:
        scores: float, N×K, finite.
        labels: int, N, in [0, K).
        k: From 1 on.
    """
    return float((label_ranks(scores, labels) < k).mean())


def mean_class_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Top-1 accuracy of each class that occurs, averaged over these classes, in [0, 1]."""
    right = label_ranks(scores, labels) == 0
    return float(np.mean([right[labels == c].mean() for c in np.unique(labels)]))
