"""Real logs to real pictures; what is drawn is checked in the figure."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmaction.apis.plot_curves import run_names, usual_keys
from mmaction.evaluation.curves_figure import curves_figure
from mmaction.evaluation.run_log import RunLog, read_run

Run = Callable[..., Any]
TOOL = "analysis/plot_curves"
USER_ERROR = 2


def write_run(folder: Path, *, attention: bool = True, steps: int = 60) -> Path:
    """Sixty steps in three epochs; the loss goes up and down by 1 about a falling line."""
    keys = ("perception", "attention") if attention else ("perception",)
    lines = []
    for step in range(1, steps + 1):
        epoch = (step + 19) // 20
        record = dict(lr=0.1, loss=100 - step + (-1) ** step, time=0.2, epoch=epoch)
        record |= {f"top1_{key}": 0.5 for key in keys}
        lines.append(dict(**record, iter=step, step=step))
        if step % 20 == 0:
            lines.append({f"{key}/top1": epoch / 4 for key in keys} | dict(time=0.1, step=epoch))
    file = folder / "20260101_000000/vis_data/scalars.json"
    file.parent.mkdir(parents=True)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_a_picture_of_what_is_usual(run_tool: Run, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    ended = run_tool(TOOL, run)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"curves  {run / 'curves.png'}\n"
    assert cv2.imread(str(run / "curves.png")) is not None
    usual = ["loss", "top1_perception", "top1_attention", "perception/top1", "attention/top1", "lr"]
    assert usual_keys([read_run(run)]) == usual


def test_runs_over_one_another(run_tool: Run, tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a"), write_run(tmp_path / "b", attention=False)]
    out = tmp_path / "pictures/both.svg"
    ended = run_tool(TOOL, *runs, "--keys", "loss,attention/top1", "perception/top1", "--out", out)
    assert ended.code == 0
    assert ended.out.splitlines() == [
        f"{runs[1]}: no attention/top1 in its logs, so not in that panel",
        f"curves  {out}",
    ]
    assert out.read_text().startswith("<?xml")


def test_what_is_drawn(tmp_path: Path) -> None:
    """Sixty points: as logged and the mean of three, which is a third off the line at most."""
    runs = [read_run(write_run(tmp_path / name)) for name in ("a", "b")]
    figure = curves_figure(runs, ["loss", "perception/top1", "lr"], ["a", "b"])
    loss, top1, rate = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["loss", "perception/top1", "lr"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
    raw, smooth, *of_b = loss.lines
    assert len(of_b) == 2
    steps = np.arange(1, 61)
    np.testing.assert_allclose(raw.get_ydata(), 100 - steps + (-1.0) ** steps)
    inner = smooth.get_ydata()[1:-1]
    np.testing.assert_allclose(inner, (100 - steps - (-1.0) ** steps / 3)[1:-1])
    assert smooth.get_color() == raw.get_color() != of_b[0].get_color()
    assert raw.get_alpha() < 0.5
    assert top1.get_xlabel() == "epoch"
    assert top1.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert top1.lines[0].get_ydata().tolist() == [0.25, 0.5, 0.75]
    assert rate.get_xlabel().startswith("step")


def test_names_that_tell_runs_apart() -> None:
    def named(*folders: str) -> list[str]:
        return run_names([RunLog(Path(folder), {}, {}) for folder in folders])

    assert named("/x/a", "/x/b") == ["a", "b"]
    assert named("/x/a", "/y/a") == ["x/a", "y/a"]
    assert named("/x/a", "/x/a") == ["a", "a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--keys", "loss,tpo1"), "--keys tpo1: not in the logs of "),
        (("run", "empty"), "empty: no logs of a training here"),
        (("run", "gone"), "gone: no such directory"),
        (("run", "--out", "c.bmp"), "c.bmp: expected a name that ends in .png, .svg, .pdf, .jpg"),
        (("run", "--out", "empty.png"), "empty.png: is a directory"),
    ],
)
def test_mistakes_in_one_line(
    arguments: tuple[str, ...],
    message: str,
    run_tool: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.png").mkdir()
    monkeypatch.chdir(tmp_path)
    ended = run_tool(TOOL, *arguments)
    assert ended.code == USER_ERROR
    assert message in ended.error
    if "--keys" in arguments:
        assert ended.error.endswith(
            "there are: lr, loss, time, top1_perception, top1_attention, perception/top1, "
            "attention/top1"
        )
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["scalars.json"]
