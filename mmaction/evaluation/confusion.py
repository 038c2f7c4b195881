"""Which classes are taken for which. N videos, K classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmaction.errors import UserError


@dataclass(frozen=True)
class ConfusedPair:
    """Videos of one class that were all taken for the same other class.

    Attributes:
        label: Their true class.
        prediction: What they were taken for.
        videos: How many they are, 1 or more.
        share: Of all videos of the true class, in (0, 1].
    """

    label: int
    prediction: int
    videos: int
    share: float


def confusion_matrix(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts videos by true class (rows) and answer (columns).

    Of equal scores the first class is the answer, as ``argmax`` and the accuracies have it.

    Args:
        scores: float, N×K, finite.
        labels: int, N, in [0, K).

    Returns:
        int64, K×K; its sum is N, its diagonal holds what is right.

    Raises:
        UserError: A score is NaN or infinite, or a label is outside [0, K).
    """
    if not np.isfinite(scores).all():
        raise UserError(
            "scores hold NaN or infinity: the training has diverged, or the checkpoint is broken"
        )
    classes = scores.shape[1]
    outside = labels[(labels < 0) | (labels >= classes)]
    if len(outside):
        raise UserError(f"a label is {outside[0]}, but there are scores of {classes} classes")
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (labels, scores.argmax(axis=1)), 1)
    return matrix


def row_shares(matrix: np.ndarray) -> np.ndarray:
    """A confusion matrix as shares of each true class: float64, K×K, in [0, 1].

    Rows of classes without videos are NaN.
    """
    videos = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, videos, out=np.full(matrix.shape, np.nan), where=videos > 0)


def confused_pairs(matrix: np.ndarray) -> list[ConfusedPair]:
    """All pairs of a class and another it was taken for; the most videos first.

    Equally many are ordered by their share of the true class, then by class id.
    """
    shares = row_shares(matrix)
    pairs = [
        ConfusedPair(int(a), int(b), int(matrix[a, b]), float(shares[a, b]))
        for a, b in np.argwhere(matrix)
        if a != b
    ]
    return sorted(pairs, key=lambda p: (-p.videos, -p.share, p.label, p.prediction))
