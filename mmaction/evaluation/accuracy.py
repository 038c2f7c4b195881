"""Accuracies of classification scores, and precision. N videos, K classes."""

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


def mean_average_precision(scores: np.ndarray, targets: np.ndarray) -> float:
    """Average precision of each class that occurs, averaged over these classes, in [0, 1].

    Of a class: the mean, over its videos, of the share of its videos among those that score no
    less. That is Σ_n (R_n − R_{n−1})·P_n over the thresholds, without interpolation.

    Args:
        scores: float, N×K, finite.
        targets: bool, N×K: the classes of each video.

    Raises:
        UserError: A score is NaN or infinite.
    """
    require_finite(scores)
    found = []
    for k in np.flatnonzero(targets.any(axis=0)):
        ranked, own = np.sort(scores[:, k]), np.sort(scores[targets[:, k], k])
        above = len(ranked) - np.searchsorted(ranked, own)
        found.append(np.mean((len(own) - np.searchsorted(own, own)) / above))
    return float(np.mean(found))
