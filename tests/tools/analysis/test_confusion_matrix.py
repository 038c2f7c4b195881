"""From the scores a test kept to tables and pictures; by hand where there are numbers."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmaction.evaluation import ScoreTable

Run = Callable[..., Any]
TOOL = "analysis/confusion_matrix"
ACCURACY_COLUMNS = (
    "label,class,videos,perception_right,perception_accuracy,attention_right,attention_accuracy"
)
LABELS = [0, 0, 0, 0, 1, 1, 1]
PERCEPTION = [0, 0, 2, 0, 1, 0, 0]
ATTENTION = [0, 0, 0, 0, 1, 1, 2]


@pytest.fixture
def table() -> ScoreTable:
    """Seven videos of three classes, none of the last."""

    def scores(answers: list[int]) -> np.ndarray:
        return np.eye(3, dtype=np.float32)[answers]

    names = [f"video {number}" for number in range(7)]
    labels = np.array(LABELS, dtype=np.int64)
    return ScoreTable(names, np.arange(7), labels, scores(PERCEPTION), scores(ATTENTION))


@pytest.fixture
def scores(table: ScoreTable, tmp_path: Path) -> Path:
    table.save(tmp_path / "scores.pkl")
    (tmp_path / "classes.txt").write_text("bend\njack, high\nwave\n")
    return tmp_path / "scores.pkl"


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_tables_and_pictures(scores: Path, run_tool: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = run_tool(TOOL, scores, "--classes", tmp_path / "classes.txt", "--out", out)
    assert (ended.code, ended.err) == (0, "")
    assert read(out / "confusion_matrix.perception.csv") == [
        ["true class \\ answer", "bend", "jack, high", "wave"],
        ["bend", "3", "0", "1"],
        ["jack, high", "2", "1", "0"],
        ["wave", "0", "0", "0"],
    ]
    assert read(out / "worst_pairs.perception.csv") == [
        ["label", "class", "prediction", "answer", "videos", "share_of_class"],
        ["1", "jack, high", "0", "bend", "2", "0.666667"],
        ["0", "bend", "2", "wave", "1", "0.25"],
    ]
    assert read(out / "worst_pairs.attention.csv")[1:] == [
        ["1", "jack, high", "2", "wave", "1", "0.333333"]
    ]
    assert read(out / "per_class_accuracy.csv") == [
        ACCURACY_COLUMNS.split(","),
        ["1", "jack, high", "3", "1", "0.333333", "2", "0.666667"],
        ["0", "bend", "4", "3", "0.75", "4", "1"],
        ["2", "wave", "0", "0", "", "0", ""],
    ]
    pictures = {"confusion_matrix.perception.png", "confusion_matrix.attention.png"}
    assert {path.name for path in out.glob("*.png")} == pictures
    assert all(cv2.imread(str(out / name)) is not None for name in pictures)
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert lines[0] == "7 videos, 3 classes"
    assert "perception branch: 4 right, 57.14 %" in lines
    assert "attention branch: 6 right, 85.71 %" in lines
    assert "2 66.7 % jack, high → bend" in lines
    assert "3 33.3 % 66.7 % jack, high" in lines
    assert lines[-1].split()[-1] == str(out)


def test_few_of_the_worst(scores: Path, run_tool: Run, tmp_path: Path) -> None:
    """Without --out beside the scores; without names by number."""
    ended = run_tool(TOOL, scores, "--worst", "1")
    assert ended.code == 0
    tables = {path.name for path in (tmp_path / "scores_confusion").glob("*.csv")}
    of_branches = ("confusion_matrix.{}.csv", "worst_pairs.{}.csv")
    branches = ("perception", "attention")
    assert tables == {name.format(branch) for name in of_branches for branch in branches} | {
        "per_class_accuracy.csv"
    }
    assert "class 1 → class 2" in ended.out
    assert ended.out.count("class 1") == 3, "in both branches' worst pairs and as the worst class"


def test_all_right_of_one_branch(table: ScoreTable, run_tool: Run, tmp_path: Path) -> None:
    right = np.eye(3, dtype=np.float32)[LABELS]
    replace(table, scores=right, attention_scores=None).save(tmp_path / "right.pkl")
    ended = run_tool(TOOL, tmp_path / "right.pkl")
    assert ended.code == 0
    assert "7 right, 100.00 %" in ended.out
    assert "attention" not in ended.out
    assert "→" not in ended.out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(labels=np.array([0, 1, -1, 0, 1, 1, -1])), "2 of 7 videos have no label"),
        (dict(labels=np.array([0, 1, 3, 0, 1, 1, 0])), "a label is 3, but there are scores of 3"),
        (dict(labels=np.array([0, 1])), "holds no scores of videos, or ones that don't fit"),
        (dict(scores=np.full((7, 3), np.nan, dtype=np.float32)), "hold NaN or infinity"),
        (dict(scores=np.zeros(7, dtype=np.float32)), "holds no scores of videos"),
        (dict(names=[], labels=np.zeros(0), scores=np.zeros((0, 3))), "holds no scores of videos"),
    ],
)
def test_scores_that_cant_be_used(
    change: dict[str, Any], message: str, table: ScoreTable, run_tool: Run, tmp_path: Path
) -> None:
    replace(table, attention_scores=None, **change).save(tmp_path / "bad.pkl")
    ended = run_tool(TOOL, tmp_path / "bad.pkl", "--out", tmp_path / "out")
    assert message in ended.error
    assert not (tmp_path / "out").exists()


def test_mistakes_in_one_line(scores: Path, run_tool: Run, tmp_path: Path) -> None:
    (tmp_path / "four.txt").write_text("a\nb\nc\nd\n")
    (tmp_path / "text.pkl").write_text("no pickle")
    (tmp_path / "taken").write_text("")
    for arguments, message in (
        ((tmp_path / "no.pkl",), "no.pkl: can't be read: No such file"),
        ((tmp_path / "text.pkl",), "text.pkl: not a score file of this project"),
        ((scores, "--classes", tmp_path / "four.txt"), "four.txt: 4 names, but scores of 3 class"),
        ((scores, "--classes", tmp_path / "no.txt"), "no.txt' does not exist"),
        ((scores, "--worst", "-1"), "--worst -1: expected 0 or more"),
        ((scores, "--out", tmp_path / "taken"), "taken' can't be written to"),
    ):
        ended = run_tool(TOOL, *arguments)
        assert message in ended.error
    assert not (tmp_path / "scores_confusion").exists()
