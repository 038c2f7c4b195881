"""Logs written by hand as a run writes them, and a real run that was stopped and went on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmaction.apis import load_config, train
from mmaction.errors import UserError
from mmaction.evaluation.run_log import Series, read_run


def write_log(folder: Path, *records: dict[str, Any] | str) -> Path:
    file = folder / "vis_data/scalars.json"
    file.parent.mkdir(parents=True)
    lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
    file.write_text("\n".join(lines) + "\n")
    return file


def step(number: int, epoch: int, loss: float) -> dict[str, Any]:
    return dict(loss=loss, epoch=epoch, iter=number, step=number)


def points(series: Series) -> dict[int, float]:
    return dict(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def test_a_resumed_run_is_joined_where_it_went_on(tmp_path: Path) -> None:
    """Killed in epoch 3, resumed from the end of epoch 1: epochs 2 and 3 are the second start's."""
    write_log(
        tmp_path / "20260101_000000",
        step(10, 1, 5.0),
        {"perception/top1": 0.1, "step": 1},
        step(20, 2, 4.0),
        {"perception/top1": 0.2, "step": 2},
        step(30, 3, 3.0),
        '{"loss": 2.5, "epo',
    )
    write_log(
        tmp_path / "20260102_000000",
        step(20, 2, 4.5),
        {"perception/top1": 0.25, "step": 2},
    )
    run = read_run(tmp_path)
    assert run.keys() == ["loss", "perception/top1"]
    assert points(run.training["loss"]) == {10: 5.0, 20: 4.5}
    assert points(run.validation["perception/top1"]) == {1: 0.1, 2: 0.25}
    assert points(read_run(tmp_path / "20260101_000000").training["loss"]) == {10: 5, 20: 4, 30: 3}


def test_a_run_started_anew_replaces_the_earlier_one(tmp_path: Path) -> None:
    write_log(tmp_path / "1", step(1, 1, 5.0), {"perception/top1": 0.1, "step": 1})
    write_log(tmp_path / "2", step(1, 1, 6.0))
    run = read_run(tmp_path)
    assert points(run.training["loss"]) == {1: 6.0}
    assert run.validation == {}


def test_a_start_that_logged_nothing_changes_nothing(tmp_path: Path) -> None:
    write_log(tmp_path / "1", step(1, 1, 5.0), {"perception/top1": 0.1, "step": 1})
    write_log(tmp_path / "2").write_text("")
    run = read_run(tmp_path)
    assert points(run.training["loss"]) == {1: 5.0}
    assert points(run.validation["perception/top1"]) == {1: 0.1}


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
    run = read_run(tmp_path / "work")
    assert list(points(run.training["loss"])) == [1, 2, 3, 4, 5, 6]
    assert list(points(run.validation["perception/top1"])) == [1, 2, 3]
    assert "epoch" not in run.keys()  # noqa: SIM118


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["no record", step(1, 1, 5.0)], r"scalars.json:1: is no record of a log"),
        ([{"loss": 5.0}], r"scalars.json:1: .*expected a 'step' in it"),
        (["[1]"], r"scalars.json:1: is no record"),
        ([], "nothing was logged"),
    ],
)
def test_logs_that_are_none(lines: list[Any], message: str, tmp_path: Path) -> None:
    write_log(tmp_path / "1", *lines)
    with pytest.raises(UserError, match=message):
        read_run(tmp_path)


def test_no_logs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no logs of a training here; expected \*/vis_data/scal"):
        read_run(tmp_path)
    with pytest.raises(UserError, match="no such directory"):
        read_run(tmp_path / "gone")
