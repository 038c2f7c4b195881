from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmaction.apis import load_config
from mmaction.registry import MODELS


def test_what_is_told_and_nothing_is_written(
    tiny_config: Path, run_tool: Callable[..., Any], tmp_path: Path
) -> None:
    before = sorted(os.listdir(tmp_path))
    ended = run_tool("train_recognizer", tiny_config, "--dry-run", "--gpus", 2)
    assert (ended.code, ended.err) == (0, "")
    config, told = ended.out.split("What will be trained\n")
    assert "num_classes=3" in config
    model = MODELS.build(load_config(tiny_config).model)
    lines = told.splitlines()
    assert lines[:3] == ["train data: 4 videos", "val data: 7 videos", "test data: 7 videos"]
    assert lines[3] == f"parameters: {sum(p.numel() for p in model.parameters()):,}"
    assert lines[4] == "batch: 4 clips a step (2 process(es) × 2), 1 steps an epoch"
    assert lines[5] == "length: max_epochs=1; validation: every 1"
    assert lines[6] == "optimizer: SGD, lr 0.01"
    assert "MultiStepLR" in lines[7]
    assert lines[8].startswith("memory of a step, a process: ")
    assert sorted(os.listdir(tmp_path)) == before


def test_bad_data_is_told_as_in_a_training(
    own_data: Path, make_config: Callable[..., Path], run_tool: Callable[..., Any]
) -> None:
    (own_data / "train.txt").write_text("train/video 0 6 3\n")
    ended = run_tool("train_recognizer", make_config(own_data), "--dry-run")
    assert "label 3 of 'train/video 0' does not fit num_classes=3" in ended.error
