from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmaction.datasets.edits import encode_mask, write_edits
from tests.conftest import Outcome
from tests.explain.pages import page_data, player_data

TRUE = np.zeros((6, 8), bool)
TRUE[:3, :4] = True


def test_a_checkpoint_is_taught_and_seen_before_and_after(
    run_tool: Callable[..., Outcome], tiny_config: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """Two of four videos; an epoch of four and two clips; a page of these two and of three more."""
    key = dict(look=encode_mask(TRUE), away="rest")
    said = dict(where=[dict(frame=1, **key), dict(frame=6, **key)], when=[[1, 3, 1.0]])
    write_edits(tmp_path / "edits.json", {"train/video 1": said, "train/video 3": said})
    out = tmp_path / "out"
    options = ["--work-dir", out, "--epochs", 1, "--share", 0.4, "--videos", 6, "--shown", 3]
    run = ["finetune_edits", tiny_config, tiny_checkpoint]
    ended = run_tool(*run, tmp_path / "edits.json", *options)
    assert ended.code == 0, ended.err
    report = json.loads((out / "edits_report.json").read_text())
    assert Path(report["checkpoint"]).is_file()
    assert (report["edited"], report["moved"]["videos"]) == (2, 6)
    for name, value in report["before"].items():
        assert f"{name:<34}{value:6.3f}  {report['after'][name]:6.3f}" in ended.out
    assert set(report["before"]) == {
        "accuracy",
        "accuracy of the attention branch",
        "edited: pointing",
        "edited: attention astray",
    }
    assert 0 < report["moved"]["attention"] <= 1
    lines = (out / "0_edited.txt").read_text().split("\n")
    assert lines == ["train/video 1 6 1", "train/video 3 6 0", ""]
    names = [video[0] for video in page_data(out / "page/index.html")["videos"]]
    assert len(names) == 5
    assert names[:2] == ["train/video 1", "train/video 3"]
    maps = player_data(out / "page/train/video 1")["views"][0]["maps"]
    assert [each["method"] for each in maps] == ["after", "before"]

    write_edits(tmp_path / "edits.json", {})
    error = run_tool(*run, tmp_path / "edits.json", *options).error
    assert error == f"edits '{tmp_path / 'edits.json'}' are of no video"
