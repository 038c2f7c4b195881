from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.evaluation import (
    AccuracyMetric,
    ScoreTable,
    accuracies,
    mean_average_precision,
    mean_class_accuracy,
    resolve_accuracies,
    top_k_accuracy,
    with_accuracies,
)
from mmaction.registry import METRICS

MakeResult = Callable[..., Any]
ACCURACY, OTHER = dict(type="AccuracyMetric"), dict(type="Other")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["top1"], ["top1"]),
        (["mean_class", "top5"], ["mean_class", "top5"]),
        (["top_k_accuracy", "mean_class_accuracy"], ["top1", "top5", "mean_class"]),
        (["top1", "top_1_accuracy", "top_k_accuracy"], ["top1", "top5"]),
    ],
)
def test_names_and_mmactions_names(given: list[str], expected: list[str]) -> None:
    assert resolve_accuracies(given) == expected


def test_an_unknown_name_is_refused_with_a_near_one() -> None:
    with pytest.raises(ConfigError, match=r"metric 'top_1' is unknown.*did you mean"):
        resolve_accuracies(["top_1"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [ACCURACY]),
        (ACCURACY, [ACCURACY]),
        (OTHER, [ACCURACY, OTHER]),
        ([OTHER, dict(ACCURACY, metrics=["top1"])], [dict(ACCURACY, metrics=["top1"]), OTHER]),
        (
            dict(type=AccuracyMetric, metrics=["top1"]),
            [dict(type=AccuracyMetric, metrics=["top1"])],
        ),
        (dict(type="Mine", metrics=OTHER), dict(type="Mine", metrics=[ACCURACY, OTHER])),
    ],
)
def test_the_accuracies_join_whatever_metrics_a_config_has(given: Any, expected: Any) -> None:
    assert with_accuracies(given) == expected
    assert with_accuracies(with_accuracies(given)) == expected


def test_the_accuracies_asked_for_take_the_place_of_the_configs() -> None:
    given = [OTHER, dict(ACCURACY, metrics=["top1"])]
    assert with_accuracies(given, ["top5"]) == [dict(ACCURACY, metrics=["top5"]), OTHER]


def test_maps_are_not_kept(make_result: MakeResult) -> None:
    metric = AccuracyMetric()
    maps = dict(spatial_attention=torch.zeros(1, 2, 3, 3), temporal_attention=torch.zeros(1, 2))
    metric.process(None, [replace(make_result(0), **maps)])
    [kept] = metric.results
    assert kept == replace(kept, spatial_attention=None, temporal_attention=None)


def test_both_branches_are_scored_and_each_video_counts_once(make_result: MakeResult) -> None:
    metric = METRICS.build(dict(type="AccuracyMetric"))
    results = [make_result(i, label=i % 4) for i in range(7)]
    for batch in ([4, 5], [6, 0], [1, 2, 3], [0, 1]):
        metric.process(None, [results[i] for i in batch])
    got = metric.evaluate(7)
    table = ScoreTable.from_results(results)
    assert got == {
        f"{branch}/{name}": expected
        for branch, scores in (
            ("perception", table.scores),
            ("attention", table.attention_scores),
        )
        for name, expected in (
            ("top1", top_k_accuracy(scores, table.labels, 1)),
            ("top5", top_k_accuracy(scores, table.labels, 5)),
            ("mean_class", mean_class_accuracy(scores, table.labels)),
        )
    }
    assert metric.table.names == table.names


def test_an_evaluation_forgets_the_one_before(make_result: MakeResult) -> None:
    metric = AccuracyMetric(metrics=["top1"])
    for _ in range(2):
        metric.process(None, [make_result(i) for i in range(3)])
        assert metric.evaluate(3).keys() == {"perception/top1", "attention/top1"}


def test_a_plain_recognizer_has_one_branch(make_result: MakeResult) -> None:
    table = ScoreTable.from_results([make_result(0, attention=False)])
    assert accuracies(table, ["top1"]).keys() == {"perception/top1"}


def test_without_labels_there_is_nothing_to_count(make_result: MakeResult) -> None:
    metric = AccuracyMetric()
    metric.process(None, [make_result(0, label=None), make_result(1, label=None)])
    assert metric.evaluate(2) == {}
    assert metric.table.names == ["video 0", "video 1"]


def test_lists_with_several_labels_have_map_alone(make_result: MakeResult, tmp_path: Path) -> None:
    """Whatever batch a video of several comes in, and when it is read back."""
    results = [make_result(n, label=n % 4) for n in range(6)]
    several = replace(results[4], sample=replace(results[4].sample, more_labels=(2, 3)))
    metric = AccuracyMetric()
    for batch in ([*results[:3]], [results[3], several], [results[5]]):
        metric.process(None, batch)
    found = metric.evaluate(6)
    targets = np.eye(4, dtype=bool)[[0, 1, 2, 3, 0, 1]]
    targets[4] = [True, False, True, True]
    scores = torch.stack([r.scores for r in results]).numpy()
    assert found.keys() == {"perception/mAP", "attention/mAP"}
    assert found["perception/mAP"] == mean_average_precision(scores, targets)
    assert metric.table is not None
    metric.table.save(tmp_path / "scores.pkl")
    read = ScoreTable.load(tmp_path / "scores.pkl")
    assert np.array_equal(read.targets, targets)
    assert accuracies(read, ["top1"]) == found
    one_each = ScoreTable.from_results(results)
    expected = mean_average_precision(scores, np.eye(4, dtype=bool)[[0, 1, 2, 3, 0, 1]])
    assert accuracies(one_each, ["mAP"])["perception/mAP"] == expected
