"""Accuracy metrics, and the table of scores they read."""

from mmaction.evaluation.accuracy import (
    label_ranks,
    mean_average_precision,
    mean_class_accuracy,
    top_k_accuracy,
)
from mmaction.evaluation.accuracy_metric import (
    AccuracyMetric,
    accuracies,
    resolve_accuracies,
    with_accuracies,
)
from mmaction.evaluation.score_table import ScoreTable

__all__ = [
    "AccuracyMetric",
    "ScoreTable",
    "accuracies",
    "label_ranks",
    "mean_average_precision",
    "mean_class_accuracy",
    "resolve_accuracies",
    "top_k_accuracy",
    "with_accuracies",
]
