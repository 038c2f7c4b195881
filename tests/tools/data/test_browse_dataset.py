"""The command that shows samples, as a user meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

def test_writes_a_page(run_tool: Callable[..., Any], tiny_config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    few = ["--split", "val", "--number", 2, "--repeats", 2]
    done = run_tool("data/browse_dataset", tiny_config, "--out", out, *few)
    assert done.code == 0, done.err
    assert done.out == f"{out}/index.html: 4 samples\n"
    assert len(list(out.glob("video_*_epoch_00[01].png"))) == 4
    assert str(tiny_config) in (out / "index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--index", "0", "9"], "--index 9: train has videos 0 to 3"),
        (["--number", "0"], "--number 0: expected 1 or more"),
        (["--seed", "-1"], "--seed -1: expected 0 or more"),
        (["--repeats", "0"], "--repeats 0: expected 1 or more"),
        (["--epoch", "-1"], "--epoch -1: expected 0 or more"),
        (["--cfg-options", "train_dataloader.dataset.ann_file=no.txt"], "'no.txt' does not exist"),
    ],
)
def test_bad_options_cost_one_line(
    run_tool: Callable[..., Any],
    tiny_config: Path,
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    done = run_tool("data/browse_dataset", tiny_config, "--out", tmp_path / "out", *arguments)
    assert done.code == 2
    assert message in done.error
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_costs_one_line(
    run_tool: Callable[..., Any], tiny_config: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = run_tool("data/browse_dataset", tiny_config, "--out", tmp_path / "file/out")
    assert done.code == 2
    assert "can't be written to" in done.error
