"""Logs written by hand as a run writes them, and a real run that was stopped and went on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from mmaction.apis import load_config, train
from mmaction.apis.run_record import read_logs

Run = Callable[..., Any]
TOOL = "analysis/plot_curves"


def write_log(folder: Path, *records: dict[str, Any] | str) -> None:
    file = folder / "vis_data/scalars.json"
    file.parent.mkdir(parents=True)
    lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
    file.write_text("\n".join(lines) + "\n")


def step(number: int, epoch: int, loss: float) -> dict[str, Any]:
    return dict(loss=loss, epoch=epoch, iter=number, step=number)


def test_a_resumed_run_is_joined_where_it_went_on(tmp_path: Path) -> None:
    """Killed in epoch 3, resumed from the end of epoch 1: epochs 2 and 3 are the second start's."""
    write_log(
        tmp_path / "20260101_000000",
        step(10, 1, 5.0),
        {"perception/top1": 0.1, "time": 0.1, "step": 1},
        step(20, 2, 4.0),
        {"perception/top1": 0.2, "time": 0.1, "step": 2},
        step(30, 3, 3.0),
        '{"loss": 2.5, "epo',
    )
    write_log(
        tmp_path / "20260102_000000",
        step(20, 2, 4.5),
        {"perception/top1": 0.25, "step": 2},
    )
    assert read_logs(tmp_path) == {"loss": {10: 5, 20: 4.5}, "perception/top1": {1: 0.1, 2: 0.25}}


def test_a_run_started_anew_replaces_the_earlier_one(tmp_path: Path) -> None:
    write_log(tmp_path / "1", step(1, 1, 5.0), {"perception/top1": 0.1, "step": 1})
    write_log(tmp_path / "2", step(1, 1, 6.0))
    assert read_logs(tmp_path) == {"loss": {1: 6.0}, "perception/top1": {}}


def test_a_start_that_logged_nothing_changes_nothing(tmp_path: Path) -> None:
    write_log(tmp_path / "1", step(1, 1, 5.0), {"perception/top1": 0.1, "step": 1})
    write_log(tmp_path / "2")
    assert read_logs(tmp_path) == {"loss": {1: 5.0}, "perception/top1": {1: 0.1}}


def test_what_a_run_writes(
    make_config: Callable[..., Path], tiny_data: Path, tmp_path: Path
) -> None:
    """Four videos, two a batch: two steps an epoch; resumed after the first."""
    config = make_config(tiny_data)
    train(load_config(config, {"train_cfg.max_epochs": 1}))
    # A start's directory is named by its second.
    [first] = (tmp_path / "work").glob("*/vis_data")
    first.parent.rename(tmp_path / "work/20200101_000000")
    # Of another name: mmengine keeps what it made for a name and a second.
    resumed = {
        "train_cfg.max_epochs": 3,
        "resume_from": str(tmp_path / "work/epoch_1.pth"),
        "experiment_name": f"{tmp_path.name}_resumed",
    }
    train(load_config(config, resumed))
    run = read_logs(tmp_path / "work")
    assert list(run["loss"]) == [1, 2, 3, 4, 5, 6]
    assert list(run["perception/top1"]) == [1, 2, 3]
    assert list(run["time"]) == [1, 2, 3, 4, 5, 6], "of training alone"
    assert "epoch" not in run


def test_runs_over_one_another(run_tool: Run, tmp_path: Path) -> None:
    """Two panels of 500 × 400 pixels; the second run lacks what the second one shows."""
    write_log(tmp_path / "a/1", step(1, 1, 5.0), step(2, 1, 4.0), {"perception/top1": 0, "step": 1})
    write_log(tmp_path / "b/1", step(1, 1, 6.0))
    out = tmp_path / "both.png"
    ended = run_tool(TOOL, tmp_path / "a", tmp_path / "b", "--out", out)
    assert (ended.code, ended.out, ended.err) == (0, f"curves  {out}\n", "")
    assert cv2.imread(str(out)).shape == (400, 1000, 3)
    one = run_tool(TOOL, tmp_path / "a", "--keys", "loss", "--out", tmp_path / "one.svg")
    assert one.code == 0
    assert (tmp_path / "one.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--keys", "loss,tpo1"), "--keys loss,tpo1: expected some of loss,lr"),
        (("run", "empty"), "empty: no logs of a training here; expected */vis_data/scalars.json"),
        (("run", "--out", "c.mpq"), "--out c.mpq: can't be written: Format 'mpq' is not supported"),
        (("run", "--out", "empty.png"), "--out empty.png: can't be written: "),
    ],
)
def test_mistakes_in_one_line(
    arguments: tuple[str, ...],
    message: str,
    run_tool: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_log(tmp_path / "run/1", dict(step(1, 1, 5.0), lr=0.1))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.png").mkdir()
    monkeypatch.chdir(tmp_path)
    ended = run_tool(TOOL, *arguments)
    assert message in ended.error
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["scalars.json"]
