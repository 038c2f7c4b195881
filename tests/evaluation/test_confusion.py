"""Matrices, pairs and accuracies against counts made by hand."""

from __future__ import annotations

import numpy as np

from mmaction.evaluation.confusion import (
    confused_pairs,
    confusion_matrix,
    row_shares,
    worst_classes,
)

# Eight videos: of class 0 three are right and one goes for 2; of class 1 one is right and two go
# for 0; class 2 has none; of class 3 the only one goes for 2.
MATRIX = [[3, 0, 1, 0], [2, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]


def test_of_equal_scores_the_first_class_is_the_answer() -> None:
    scores = np.array([[0.2, 0.4, 0.4], [0.5, 0.5, 0.5]])
    assert confusion_matrix(scores, np.array([2, 0])).tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_shares_are_of_the_true_class() -> None:
    shares = row_shares(np.array(MATRIX))
    np.testing.assert_allclose(shares[0], [0.75, 0, 0.25, 0])
    np.testing.assert_allclose(shares[1], [2 / 3, 1 / 3, 0, 0])
    assert np.isnan(shares[2]).all(), "a class without videos has no shares"


def test_pairs_by_videos_then_by_share() -> None:
    """Two videos of 1; one each of all of class 3 and of a quarter of class 0."""
    assert confused_pairs(np.array(MATRIX)).tolist() == [[1, 0], [3, 2], [0, 2]]
    assert confused_pairs(np.diag([5, 3])).tolist() == []


def test_the_worst_first_and_classes_without_videos_last() -> None:
    """0 of 1; 2 of 6 before 1 of 3, which is the same of fewer videos; 3 of 4; none."""
    rows = [[3, 0, 1, 0, 0], [2, 1, 0, 0, 0], [0] * 5, [0, 0, 1, 0, 0], [0, 4, 0, 0, 2]]
    assert worst_classes(np.array(rows)).tolist() == [3, 4, 1, 0, 2]
    assert worst_classes(np.diag([1, 0, 2, 2])).tolist() == [2, 3, 0, 1]
