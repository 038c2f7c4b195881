from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mmaction.explain.measures.table import MeasureTable, aligned, plain


def test_the_text_says_what_was_found(table: MeasureTable) -> None:
    text = table.text()
    pointing = next(line for line in text.splitlines() if line.startswith("pointing"))
    assert pointing.split()[:3] == ["pointing", "↑", "0.667"]
    assert "0.250 [0.250, 0.250]" in pointing
    assert "attention minus …" in text
    assert "+1.000 [+1.000, +1.000] *" in text
    assert "-0.750 [-1.000, -0.250]" in text  # of four videos three are lost
    assert "0.400 [0.400, 0.400]  -0.500 [-0.500, -0.500]" in text
    assert text.endswith("localization left out: no")


def test_the_csv_is_the_table(table: MeasureTable, tmp_path: Path) -> None:
    table.save(tmp_path)
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    found = {(r["explainer"], r["measure"]): r for r in rows}
    assert len(rows) == len(found) == 4 + 1 + 4
    row = found["attention", "pointing"]
    assert (float(row["mean"]), int(row["videos"])) == (pytest.approx(2 / 3, abs=1e-6), 3)
    assert float(row["low"]) == pytest.approx(table.interval("attention", "pointing").low, abs=1e-6)
    assert float(found["intervention", "spatial_uniform_correct"]["mean"]) == 0.25


def test_the_json_is_strict_and_holds_every_video(table: MeasureTable, tmp_path: Path) -> None:
    table.save(tmp_path)
    text = (tmp_path / "results.json").read_text()
    found = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert found["values"]["attention"]["pointing"] == [1, 1, 0, None]
    assert (found["seed"], found["config"]) == (3, "a.py")
    assert [video["name"] for video in found["videos"]] == [f"video {i}" for i in range(4)]
    assert found["differences"]["attention - random"]["increase"]["low"] == 1
    assert len(found["curves"]["random"]["joint"]["deletion_lerf"]) == 4


def test_rows_are_aligned() -> None:
    assert aligned([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc   d"


def test_plain_data() -> None:
    assert plain({"a": (np.float32(0.5), np.inf), 1: np.arange(2)}) == {
        "a": [0.5, None],
        "1": [0, 1],
    }
