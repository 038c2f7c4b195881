"""The evaluator's metric: accuracies of both branches over a whole data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from mmengine.dist import broadcast_object_list, gather_object
from mmengine.evaluator import BaseMetric

from mmaction.errors import ConfigError, near
from mmaction.evaluation.accuracy import (
    mean_average_precision,
    mean_class_accuracy,
    top_k_accuracy,
)
from mmaction.evaluation.score_table import ScoreTable
from mmaction.registry import METRICS
from mmaction.structures import VideoResult

ACCURACIES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "top1": partial(top_k_accuracy, k=1),
    "top5": partial(top_k_accuracy, k=5),
    "mean_class": mean_class_accuracy,
}
# For lists with several labels a video, where it alone is meant.
PRECISION = "mAP"
# What the same are called where people come from.
ALIASES = {
    "top_1_accuracy": ("top1",),
    "top_5_accuracy": ("top5",),
    "top_k_accuracy": ("top1", "top5"),
    "mean_class_accuracy": ("mean_class",),
    "mean_average_precision": (PRECISION,),
}


def resolve_accuracies(names: Sequence[str]) -> list[str]:
    """Names of accuracies, aliases spelt out.

    Raises:
        ConfigError: A name that is none; the message lists all.
    """
    resolved: list[str] = []
    for name in names:
        if name not in (*ACCURACIES, *ALIASES, PRECISION):
            raise ConfigError(
                f"metric {name!r} is unknown: expected some of {', '.join(ACCURACIES)}, {PRECISION}"
                f"{near(name, [*ACCURACIES, *ALIASES, PRECISION])}"
            )
        resolved += [n for n in ALIASES.get(name, (name,)) if n not in resolved]
    return resolved


def accuracies(table: ScoreTable, names: Sequence[str] = tuple(ACCURACIES)) -> dict[str, float]:
    """``{'perception/top1': …, 'attention/top1': …}`` in [0, 1]; empty where labels are missing.

    Where videos have several labels, ``mAP`` whatever is asked for.
    """
    if not table.labelled:
        return {}
    names = resolve_accuracies(names) if table.label_sets is None else [PRECISION]
    return {
        f"{branch}/{name}": mean_average_precision(scores, table.targets)
        if name == PRECISION
        else ACCURACIES[name](scores, table.labels)
        for branch, scores in table.branches.items()
        for name in names
    }


def with_accuracies(evaluator: Any, names: Sequence[str] | None = None) -> Any:
    """An evaluator's config with an ``AccuracyMetric`` before all other metrics it has.

    Args:
        evaluator: A metric's config, a list of them, one with the list as ``metrics``, or None.
        names: Which accuracies, in place of the config's.
    """
    if isinstance(evaluator, Mapping) and "metrics" in evaluator and not _is_accuracy(evaluator):
        return {**evaluator, "metrics": with_accuracies(evaluator["metrics"], names)}
    # A list, because mmengine takes a dict that has 'metrics' for an evaluator's.
    given = evaluator if isinstance(evaluator, list | tuple) else [evaluator or {}]
    accuracy = {"type": "AccuracyMetric", **next(filter(_is_accuracy, given), {})}
    if names is not None:
        accuracy["metrics"] = list(names)
    return [accuracy, *(metric for metric in given if metric and not _is_accuracy(metric))]


def _is_accuracy(metric: Any) -> bool:
    return isinstance(metric, Mapping) and metric.get("type") in ("AccuracyMetric", AccuracyMetric)


@METRICS.register_module()
class AccuracyMetric(BaseMetric):
    """Top-1, top-5 and mean-class accuracy of both branches; of several labels, mAP.

    Scores stay where the network left them until the test has ended, so that no batch waits for
    them. Then the first process gets all, and puts them in order, each video once, before anything
    is computed: the result does not depend on how many processes there were, nor on the batch size.

    Args:
        metrics: Which of ``top1``, ``top5``, ``mean_class``, ``mAP``; MMAction's names are known
            too. A list with several labels a video has ``mAP`` alone.

    Attributes:
        table: The scores of the last evaluation; None in every process but the first.

    Raises:
        ConfigError: A metric that is none.
    """

    # The names say it all; mmengine warns of an empty prefix unless told that it is meant.
    default_prefix = ""

    def __init__(self, *, metrics: Sequence[str] = tuple(ACCURACIES)) -> None:
        super().__init__()
        self.metrics = resolve_accuracies(metrics)
        self.table: ScoreTable | None = None
        self.results: list[VideoResult] = []

    def process(self, data_batch: Any, data_samples: Sequence[VideoResult]) -> None:
        """Keeps a batch's scores, not its maps. ``data_samples`` are the recognizer's results."""
        self.results += [
            replace(r, spatial_attention=None, temporal_attention=None) for r in data_samples
        ]

    def compute_metrics(self, results: list[ScoreTable]) -> dict[str, float]:
        """Accuracies of all processes' tables."""
        self.table = ScoreTable.merge(results)
        return accuracies(self.table, self.metrics)

    def evaluate(self, size: int) -> dict[str, float]:
        """Computes in the first process and tells the others.

        Args:
            size: Number of videos in the data set.
        """
        tables = gather_object(ScoreTable.from_results(self.results) if self.results else None)
        self.results.clear()
        self.table = None
        found: list[dict[str, float] | None] = [None]
        if tables is not None:
            found = [self.compute_metrics([table for table in tables if table is not None])]
            assert self.table is not None
            assert len(self.table.names) == size, f"{len(self.table.names)} of {size} videos scored"
        broadcast_object_list(found)
        assert found[0] is not None
        return found[0]
