from __future__ import annotations

import numpy as np
import pytest

from mmaction.apis import TestOutcome
from mmaction.apis.console import accuracy_table, report_test
from mmaction.evaluation import ScoreTable

METRICS = {
    "perception/top1": 0.5,
    "perception/mean_class": 1 / 3,
    "attention/top1": 1.0,
    "attention/mean_class": 0.0,
}


def outcome(metrics: dict[str, float]) -> TestOutcome:
    table = ScoreTable(["a", "b"], np.arange(2), np.zeros(2, np.int64), np.zeros((2, 3)))
    return TestOutcome(table=table, metrics=metrics, from_cache=False)


def test_the_configs_own_metrics_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    of_several = accuracy_table({"perception/mAP": 0.25}).split()
    assert of_several == ["branch", "mAP", "perception", "25.00", "%"]
    own = {"mine/top1": np.float32(0.25), "confusion": [1, 2]}
    report_test(outcome(METRICS | own), out=None, log=None, explanations=None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:4] == accuracy_table(METRICS).splitlines()
    assert [line.split(maxsplit=1) for line in lines[4:]] == [
        ["mine/top1", "0.25"],
        ["confusion", "[1, 2]"],
    ]
    report_test(outcome(own), out=None, log=None, explanations=None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "no labels in the annotation, so no accuracies"
    assert lines[2].split() == ["mine/top1", "0.25"]
