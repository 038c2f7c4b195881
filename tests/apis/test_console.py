from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from mmaction.apis import TestOutcome, load_config
from mmaction.apis.console import accuracy_table, apply_test_options, report_test
from mmaction.evaluation import ScoreTable

METRICS = {
    "perception/top1": 0.5,
    "perception/mean_class": 1 / 3,
    "attention/top1": 1.0,
    "attention/mean_class": 0.0,
}


def outcome(metrics: dict[str, float], *, from_cache: bool = False) -> TestOutcome:
    table = ScoreTable(["a", "b"], np.arange(2), np.zeros(2, np.int64), np.zeros((2, 3)))
    return TestOutcome(table=table, metrics=metrics, from_cache=from_cache)


def test_a_line_a_branch_in_percent() -> None:
    rows = [line.split() for line in accuracy_table(METRICS).splitlines()]
    assert rows == [
        ["branch", "top1", "mean_class"],
        ["perception", "50.00", "%", "33.33", "%"],
        ["attention", "100.00", "%", "0.00", "%"],
    ]
    assert len({len(line) for line in accuracy_table(METRICS).splitlines()}) == 1, "aligned"


def test_where_everything_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    report_test(outcome(METRICS, from_cache=True), out="d/s.pkl", log=str(log), explanations="seen")
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "2 videos, scores from d/s.pkl"
    assert accuracy_table(METRICS) in said
    assert "d/s.metrics.json" in said
    assert "seen/index.html" in said
    assert log.read_text() == f"before\n{said}"


def test_without_labels(capsys: pytest.CaptureFixture[str]) -> None:
    report_test(outcome({}), out=None, log=None, explanations=None)
    assert capsys.readouterr().out == "2 videos\nno labels in the annotation, so no accuracies\n"


def test_the_configs_own_metrics_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
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


def options(**given: str) -> argparse.Namespace:
    nothing = dict.fromkeys(("work_dir", "out", "log", "save_explanations"))
    return argparse.Namespace(**{**nothing, "launcher": "none", **given})


def test_explanations_go_where_they_are_sent(tiny_config: Path, tmp_path: Path) -> None:
    cfg = load_config(tiny_config)
    assert apply_test_options(cfg, options()) is None
    assert apply_test_options(cfg, options(save_explanations="")) == (
        str(tmp_path / "work" / "explanations")
    )
    where = str(tmp_path / "seen")
    assert apply_test_options(cfg, options(save_explanations=where)) == where
