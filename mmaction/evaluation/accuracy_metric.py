"""The evaluator's metric: accuracies of both branches over a whole data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric

from mmaction.errors import ConfigError, near
from mmaction.evaluation.accuracy import mean_class_accuracy, top_k_accuracy
from mmaction.evaluation.score_table import ScoreTable
from mmaction.registry import METRICS
from mmaction.structures import VideoResult

ACCURACIES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "top1": partial(top_k_accuracy, k=1),
    "top5": partial(top_k_accuracy, k=5),
    "mean_class": mean_class_accuracy,
}
# What the same are called where people come from.
ALIASES = {
    "top_1_accuracy": ("top1",),
    "top_5_accuracy": ("top5",),
    "top_k_accuracy": ("top1", "top5"),
    "mean_class_accuracy": ("mean_class",),
}


def resolve_accuracies(names: Sequence[str]) -> list[str]:
    """Names of accuracies, aliases spelt out.

    Raises:
        ConfigError: A name that is none; the message lists all.
    """
    resolved: list[str] = []
    for name in names:
        if name not in ACCURACIES and name not in ALIASES:
            raise ConfigError(
                f"metric {name!r} is unknown: expected some of {', '.join(ACCURACIES)}"
                f"{near(name, [*ACCURACIES, *ALIASES])}"
            )
        resolved += [n for n in ALIASES.get(name, (name,)) if n not in resolved]
    return resolved


def accuracies(table: ScoreTable, names: Sequence[str] = tuple(ACCURACIES)) -> dict[str, float]:
    """``{'perception/top1': …, 'attention/top1': …}`` in [0, 1]; empty where labels are missing."""
    if not table.labelled:
        return {}
    branches = {"perception": table.scores, "attention": table.attention_scores}
    return {
        f"{branch}/{name}": ACCURACIES[name](scores, table.labels)
        for branch, scores in branches.items()
        if scores is not None
        for name in resolve_accuracies(names)
    }


@METRICS.register_module()
class AccuracyMetric(BaseMetric):
    """Top-1, top-5 and mean-class accuracy of both branches.

    Each process hands in the scores of its videos; they are gathered, each video counted once and
    put in order, before anything is computed: the result does not depend on how many processes
    there were, nor on the batch size. ``table`` keeps the gathered scores of the last evaluation.

    Args:
        metrics: Which of ``top1``, ``top5``, ``mean_class``; MMAction's names are known too.
    """

    # The names say it all; mmengine warns of an empty prefix unless told that it is meant.
    default_prefix = ""

    def __init__(self, *, metrics: Sequence[str] = tuple(ACCURACIES)) -> None:
        super().__init__()
        self.metrics = resolve_accuracies(metrics)
        self.table: ScoreTable | None = None

    def process(self, data_batch: Any, data_samples: Sequence[VideoResult]) -> None:
        """Keeps a batch's scores. ``data_samples`` are the recognizer's results."""
        self.results.append(ScoreTable.from_results(data_samples))

    def compute_metrics(self, results: list[ScoreTable]) -> dict[str, float]:
        """Accuracies of gathered tables."""
        self.table = ScoreTable.merge(results)
        return accuracies(self.table, self.metrics)

    def evaluate(self, size: int) -> dict[str, float]:
        """Gathers from all processes and computes on each.

        Args:
            size: Number of videos in the data set.
        """
        parts = [table for rank in all_gather_object(self.results) for table in rank]
        self.results.clear()
        metrics = self.compute_metrics(parts)
        assert self.table is not None
        assert len(self.table.names) == size, f"{len(self.table.names)} of {size} videos scored"
        return metrics
