"""What a user sees: tables where all is well, one line where something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

TOOL = "analysis/evaluate_explanations"
QUICK = ("--videos", "4", "--steps", "2")


def test_the_tables_and_the_files(run_tiny: Run, tmp_path: Path) -> None:
    out = tmp_path / "measured"
    ended = run_tiny(TOOL, "--explainers", "attention,center", "--out", out, *QUICK)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert any(line.startswith("4 videos, ") for line in lines)
    header = next(line for line in lines if line.startswith("mean [95 % interval]"))
    controls = ["random", "frame_difference", "compensated_difference"]
    assert header.split()[4:9] == ["attention", "center", *controls]
    assert any(line.startswith("joint_insertion_minus_deletion ↑") for line in lines)
    assert any(line.startswith("spatial_uniform") for line in lines)
    assert any(line.startswith("localization left out") for line in lines)
    assert lines[-1].split()[-1] == str(out)
    assert {path.name for path in out.iterdir()} >= {"table.csv", "results.json"}
    # Not a terminal: a line every few seconds, the last one when all is done.
    assert "explanations: 20/20 maps" in ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--explainers", "atention"), "explainer 'atention' is not known here; did you mean 'att"),
        (("--metrics", "pointng"), "metric 'pointng' is unknown; did you mean 'pointing'"),
        (("--metrics", "energy"), "no ground truth: expected the directory"),
        (("--ground-truth", "/nowhere"), "expected the directory or file /nowhere"),
        (("--videos", "0"), "videos=0: expected 1 or more"),
        (("--fill", "black"), "fill='black' is unknown"),
        (("--cfg-options", "model.num_classes=5"), "is of another architecture"),
        (("--cfg-options", "model.type=Recognizer3"), "type='Recognizer3' is no model"),
    ],
)
def test_mistakes_in_one_line(
    options: tuple[str, ...],
    message: str,
    make_config: Callable[..., Path],
    own_data: Path,
    tiny_checkpoint: Path,
    run_tool: Run,
    tmp_path: Path,
) -> None:
    (own_data / "classes.txt").unlink()  # so that num_classes may be another
    out = tmp_path / "measured"
    config = make_config(own_data)
    ended = run_tool(TOOL, config, tiny_checkpoint, "--out", out, *QUICK, *options)
    assert message in ended.error
    assert not out.exists() or not list(out.iterdir())
