"""Problems in a file, whole or not there, and in a summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmaction.datacheck.problems import Problem, Problems, collect_problems


def test_the_list_is_json_too(tmp_path: Path) -> None:
    out = tmp_path / "problems.json"
    with collect_problems(str(out)) as problems:
        problems.append(Problem("gap", "error", "", "a “message”", video="ä b"))
        problems.append(Problem("empty-class", "note", "", "none"))
    assert [p["video"] for p in json.loads(out.read_text())] == ["ä b", ""]
    with collect_problems(str(out)):
        pass
    assert json.loads(out.read_text()) == []


def test_a_list_is_whole_or_not_there(tmp_path: Path) -> None:
    out = tmp_path / "problems.jsonl"

    def interrupted() -> None:
        with collect_problems(str(out)) as problems:
            problems.append(Problem("gap", "error", "", "message"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_summary_shows_the_first_few() -> None:
    problems = Problems()
    for line in range(1, 1501):
        problems.append(Problem("gap", "error", "a/b", "gone", "train", "a", "list.txt", line))
    problems.append(Problem("more-frames", "warning", "", "more", "val"))
    assert list(problems.summary()) == [
        "error   gap                     1,500",
        "    train: list.txt:1: a/b: gone",
        "    train: list.txt:2: a/b: gone",
        "    train: list.txt:3: a/b: gone",
        "    … and 1,497 more",
        "warning more-frames                 1",
        "    val: more",
    ]
    assert [problems.total(severity) for severity in ("error", "warning", "note")] == [1500, 1, 0]
