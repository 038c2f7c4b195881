"""A run's facts: those it wrote itself, and ones written by hand whose figures are counted."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmaction.apis import load_config
from mmaction.apis.compare import compare, sections_of
from mmaction.apis.run_record import read_logs
from mmaction.registry import MODELS


@pytest.fixture
def work_dir(tiny_config: Path, tmp_path: Path) -> Path:
    """Two processes with 2 clips each; 20 steps of 0.5 s, then 10 of 0.2 s."""
    folder = tmp_path / "by_hand"
    start = folder / "20260101_000000"
    (start / "vis_data").mkdir(parents=True)
    record = dict(
        config=load_config(tiny_config).pretty_text,
        processes=2,
        hardware=dict(gpus=[dict(name="H100", memory_gib=80)], processor="EPYC"),
    )
    (start / "run.json").write_text(json.dumps(record))
    lines = [
        dict(loss=3.0, time=0.5, memory=900, epoch=1, iter=20, step=20),
        {"perception/top1": 0.75, "attention/top1": 0.5, "step": 1},
        dict(loss=2.0, time=0.2, memory=800, epoch=2, iter=30, step=30),
        {"perception/top1": 0.5, "attention/top1": 0.625, "step": 2},
    ]
    (start / "vis_data/scalars.json").write_text("".join(json.dumps(x) + "\n" for x in lines))
    return folder


def test_what_a_run_wrote_itself(tiny_checkpoint: Path) -> None:
    [row] = compare([tiny_checkpoint.parent])
    logs = read_logs(tiny_checkpoint.parent)
    assert row["scores of"] == "validation, epoch 1, top1"
    assert row["perception %"] == f"{100 * logs['perception/top1'][1]:.1f}"
    assert row["network"] == "STABN, ResNet3D"
    assert float(row["clips a second"]) > 0
    assert "memory MB" not in row, "of GPUs alone"


def test_figures_by_hand(work_dir: Path, tiny_config: Path) -> None:
    [row] = compare([work_dir])
    cfg = load_config(tiny_config)
    assert sections_of(cfg.pretty_text)["model"] == cfg.model.to_dict()
    parameters = sum(p.numel() for p in MODELS.build(cfg.model).parameters())
    assert {fact: row[fact] for fact in row if fact not in ("run", "network", "GMAC a clip")} == {
        "scores of": "validation, epoch 1, top1",
        "perception %": "75.0",
        "attention %": "50.0",
        "chance %": "33.3",
        "parameters M": f"{parameters / 1e6:.4g}",
        "trained on": "2 × H100",
        "clips a second": f"{4 / 0.35:.1f}",
        "training minutes": f"{(20 * 0.5 + 10 * 0.2) / 60:.3g}",
        "memory MB": "900",
    }
    (work_dir / "scores.metrics.json").write_text('{"perception/mAP": 0.25}')
    (work_dir / "true").mkdir()
    intervals = {"grad_cam": {"insertion": {"mean": 0.5}}, "attention": {"pointing": {"mean": 0.9}}}
    (work_dir / "true/results.json").write_text(json.dumps({"intervals": intervals}))
    [row] = compare([work_dir])
    assert (row["scores of"], row["perception %"]) == ("test, mAP", "25.0")
    assert (row["explained by"], row["pointing"]) == ("attention", "0.900")
    assert not {"attention %", "chance %", "insertion"} & row.keys()


def test_one_table_as_text_csv_and_markdown(
    work_dir: Path, tmp_path: Path, run_tool: Callable[..., Any]
) -> None:
    """The second run has only begun, and its network is of the user's own."""
    begun = shutil.copytree(work_dir, tmp_path / "begun")
    shutil.rmtree(begun / "20260101_000000/vis_data")
    record = begun / "20260101_000000/run.json"
    record.write_text(record.read_text().replace("'STABN'", "'Mine'"))
    done = run_tool("analysis/compare", work_dir, begun, "--out", tmp_path / "table.csv")
    assert done.code == 0, done.err
    lines = {line[:16].strip(): line[16:].split() for line in done.out.splitlines()}
    assert lines["perception %"] == ["75.0", "-"]
    assert lines["parameters M"][1] == lines["training minutes"][1] == "-"
    header, first, second = csv.reader((tmp_path / "table.csv").open())
    column = header.index("perception %")
    assert (first[0], first[column], second[column]) == (str(work_dir), "75.0", "-")
    assert run_tool("analysis/compare", work_dir, "--out", tmp_path / "table.md").code == 0
    rows = (tmp_path / "table.md").read_text().splitlines()
    assert len({line.count("|") for line in rows}) == 1
    assert rows[0].startswith("| run | network |")


def test_bad_input_costs_one_line(
    work_dir: Path, tmp_path: Path, run_tool: Callable[..., Any]
) -> None:
    ended = run_tool("analysis/compare", tmp_path / "none")
    assert "no training's work_dir; expected" in ended.error
    ended = run_tool("analysis/compare", work_dir, "--out", "table.xlsx")
    assert ended.error == "--out table.xlsx: expected .csv or .md"
    record = work_dir / "20260101_000000/run.json"
    for text, problem in (
        ("{", ":1: no json at column"),
        ('{"config": "a(1)"}', ": no record of a training"),
    ):
        record.write_text(text)
        assert f"run.json{problem}" in run_tool("analysis/compare", work_dir).error
