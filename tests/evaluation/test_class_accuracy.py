from __future__ import annotations

import numpy as np

from mmaction.evaluation.class_accuracy import ClassAccuracy, class_accuracies

# Rows are true classes: 4, 3, 0, 1 and 6 videos.
FIRST = np.array([[3, 0, 1, 0, 0], [2, 1, 0, 0, 0], [0] * 5, [0, 0, 1, 0, 0], [0, 4, 0, 0, 2]])
SECOND = np.array([[1, 3, 0, 0, 0], [0, 3, 0, 0, 0], [0] * 5, [0, 0, 0, 1, 0], [0, 0, 0, 0, 6]])


def test_the_worst_first_and_classes_without_videos_last() -> None:
    """0 of 1; 2 of 6 before 1 of 3, which is the same of fewer videos; 3 of 4; none."""
    found = class_accuracies({"perception": FIRST, "attention": SECOND})
    assert found == [
        ClassAccuracy(3, 1, {"perception": 0, "attention": 1}),
        ClassAccuracy(4, 6, {"perception": 2, "attention": 6}),
        ClassAccuracy(1, 3, {"perception": 1, "attention": 3}),
        ClassAccuracy(0, 4, {"perception": 3, "attention": 1}),
        ClassAccuracy(2, 0, {"perception": 0, "attention": 0}),
    ]
    assert [one.accuracy("perception") for one in found] == [0, 2 / 6, 1 / 3, 0.75, None]
    assert found[3].accuracy("attention") == 0.25


def test_one_branch() -> None:
    [first, *_] = class_accuracies({"attention": SECOND})
    assert first == ClassAccuracy(0, 4, {"attention": 1})
