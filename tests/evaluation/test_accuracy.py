from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmaction.errors import UserError
from mmaction.evaluation import (
    label_ranks,
    mean_average_precision,
    mean_class_accuracy,
    top_k_accuracy,
)

# Three videos, four classes: the label comes first, second and last.
SCORES = np.array([[0.1, 0.6, 0.2, 0.1], [0.5, 0.1, 0.4, 0.0], [0.3, 0.3, 0.3, 0.1]])
LABELS = np.array([1, 2, 3])


@pytest.mark.parametrize(("k", "expected"), [(1, 1 / 3), (2, 2 / 3), (3, 2 / 3), (4, 1), (5, 1)])
def test_top_k_by_hand(k: int, expected: float) -> None:
    assert top_k_accuracy(SCORES, LABELS, k) == pytest.approx(expected)


def test_mean_class_by_hand() -> None:
    """Class 0: two of three right; class 2: none of one; class 1 does not occur."""
    scores = np.eye(3)[[0, 0, 1, 1]]
    labels = np.array([0, 0, 0, 2])
    assert top_k_accuracy(scores, labels, 1) == pytest.approx(2 / 4)
    assert mean_class_accuracy(scores, labels) == pytest.approx((2 / 3 + 0) / 2)


@given(st.data())
def test_ranks_equal_a_sort_of_each_row(data: st.DataObject) -> None:
    videos, classes = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 7))
    # Few values, so that many are equal.
    scores = data.draw(arrays(np.float32, (videos, classes), elements=st.integers(-2, 2)))
    labels = data.draw(arrays(np.int64, videos, elements=st.integers(0, classes - 1)))
    expected = [
        sorted(range(classes), key=lambda c, row=row: (-row[c], c)).index(label)
        for row, label in zip(scores, labels, strict=True)
    ]
    assert label_ranks(scores, labels).tolist() == expected


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_scores_without_an_order_are_refused(broken: float) -> None:
    scores = SCORES.copy()
    scores[1, 3] = broken
    with pytest.raises(UserError, match="NaN or infinity"):
        top_k_accuracy(scores, LABELS, 1)


def test_mean_average_precision_is_the_area_under_the_steps() -> None:
    """Re-computed threshold by threshold; scores of few values, so that many are equal."""
    rng = np.random.default_rng(0)
    scores, targets = rng.integers(0, 8, (40, 5)) / 8, rng.random((40, 5)) < 0.2
    targets[:, 3] = False  # a class that doesn't occur counts for nothing
    areas = []
    for k in (0, 1, 2, 4):
        area = recall = 0.0
        for threshold in sorted(set(scores[:, k]), reverse=True):
            answered = scores[:, k] >= threshold
            found = (answered & targets[:, k]).sum()
            area += (found / targets[:, k].sum() - recall) * found / answered.sum()
            recall = found / targets[:, k].sum()
        areas.append(area)
    assert mean_average_precision(scores, targets) == pytest.approx(np.mean(areas))
    # Two right answers of three, the first and the last: (1/1 + 2/3) / 2.
    by_hand = mean_average_precision(np.array([[0.9], [0.5], [0.1]]), np.array([[1], [0], [1]]) > 0)
    assert by_hand == pytest.approx(5 / 6)
