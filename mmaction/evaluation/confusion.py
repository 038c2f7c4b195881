"""Which classes are taken for which, and how well each is known. N videos, K classes."""

from __future__ import annotations

import numpy as np

from mmaction.errors import UserError
from mmaction.evaluation.accuracy import require_finite


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
    require_finite(scores)
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


def confused_pairs(matrix: np.ndarray) -> np.ndarray:
    """All pairs of a class and another that it was taken for, int64, P×2; the most videos first.

    Equally many are ordered by their share of the true class, then by class id.
    """
    labels, answers = np.nonzero(matrix - np.diag(matrix.diagonal()))
    videos, shares = matrix[labels, answers], row_shares(matrix)[labels, answers]
    # Stable: what is equal stays in the order of class ids.
    return np.stack([labels, answers], axis=1)[np.lexsort((-shares, -videos))]


def worst_classes(matrix: np.ndarray) -> np.ndarray:
    """All classes by accuracy, int64, K, the worst first; those without videos at the end.

    Equally bad ones are ordered by their number of videos, most first, then by class id.
    """
    return np.lexsort((-matrix.sum(axis=1), row_shares(matrix).diagonal()))
