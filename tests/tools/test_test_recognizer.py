"""What a user sees of a test: a table where all is well, one line where something is wrong."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import PLAIN_MODEL

Run = Callable[..., Any]
MakeConfig = Callable[..., Path]


@pytest.fixture
def old_scores(tmp_path: Path) -> Path:
    """What a test that fails must not touch."""
    path = tmp_path / "results" / "scores.pkl"
    path.parent.mkdir()
    path.write_bytes(b"from another day")
    return path


def assert_untouched(old_scores: Path) -> None:
    assert old_scores.read_bytes() == b"from another day"
    assert os.listdir(old_scores.parent) == ["scores.pkl"]


def test_the_table_and_the_files(run_tiny: Run, tmp_path: Path) -> None:
    out, log = tmp_path / "results/scores.pkl", tmp_path / "results/log.txt"
    log.parent.mkdir()
    log.write_text("before\n")
    ended = run_tiny("test_recognizer", "--out", out, "--log", log)
    assert (ended.code, ended.err) == (0, "")
    metrics = json.loads((tmp_path / "results/scores.metrics.json").read_text())
    branches = ("perception", "attention")
    names = ("top1", "top5", "mean_class")
    assert list(metrics) == [f"{branch}/{name}" for branch in branches for name in names]
    shown = ended.out.splitlines()[-6:]
    assert shown[0] == "7 videos"
    assert shown[1].split() == ["branch", *names]
    assert len({len(line) for line in shown[1:4]}) == 1, "aligned"
    for line, branch in zip(shown[2:4], branches, strict=True):
        cells = line.replace("%", "").split()
        assert cells[0] == branch
        expected = [round(100 * metrics[f"{branch}/{name}"], 2) for name in names]
        assert [float(cell) for cell in cells[1:]] == expected
    assert shown[4].split() == ["scores", str(out)]
    assert shown[5].split() == ["accuracies", str(out.with_name("scores.metrics.json"))]
    assert log.read_text().splitlines() == ["before", *shown]
    assert sorted(os.listdir(out.parent)) == ["log.txt", "scores.metrics.json", "scores.pkl"]
    assert len(ended.out.splitlines()) < 30


def test_the_second_time_uses_what_the_first_found(run_tiny: Run, tmp_path: Path) -> None:
    """Underscores as well as dashes, and MMAction's names of metrics."""
    command = ["test_recognizer", "--out", tmp_path / "scores.pkl"]
    first, second = run_tiny(*command), run_tiny(*command, "--eval", "top_k_accuracy")
    third = run_tiny(*command, "--ignore_cache")
    assert [ended.code for ended in (first, second, third)] == [0, 0, 0]
    assert "Epoch(test)" in first.out
    assert second.out.splitlines()[0] == f"7 videos, scores from {tmp_path / 'scores.pkl'}"
    assert second.out.splitlines()[1].split() == ["branch", "top1", "top5"]
    assert "Epoch(test)" in third.out


@pytest.mark.parametrize("directory", ["seen", None])
def test_explanations(directory: str | None, run_tiny: Run, tmp_path: Path) -> None:
    where = tmp_path / (directory or "work/explanations")
    given = [where] if directory else []
    ended = run_tiny("test_recognizer", "-s", *given)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1].split() == ["explanations", str(where / "index.html")]
    for number in range(7):
        with np.load(where / f"val/video {number}/explanation.npz") as kept:
            assert len(kept["spatial"]) == len(kept["temporal"]) == len(kept["frame_indices"]) == 4
            assert int(kept["label"]) == number % 3
    assert (where / "index.html").is_file()


def test_without_labels_there_is_no_table(
    tiny_checkpoint: Path, own_data: Path, make_config: MakeConfig, run_tool: Run
) -> None:
    # Not 'video 0', which would be read as a directory 'video' and a number.
    (own_data / "frames/val/video 0").rename(own_data / "frames/val/some video")
    (own_data / "val.txt").write_text("val/some video 6\n")
    ended = run_tool("test_recognizer", make_config(own_data), tiny_checkpoint)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == "no labels in the annotation, so no accuracies"


FRAME = "frames/val/video 1/img_00006.jpg"


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            lambda data: (data / FRAME).unlink(),
            r"img_00006\.jpg' does not exist; the directory has 5 frames, the nearest img_00005",
        ),
        (
            lambda data: (data / "frames/val/video 1").rename(data / "frames/val/elsewhere"),
            r"1 of 2 videos are not in",
        ),
    ],
)
def test_bad_data_costs_one_line_and_no_file(
    damage: Callable[[Path], object],
    expected: str,
    workers: int,
    own_data: Path,
    make_config: MakeConfig,
    tiny_checkpoint: Path,
    run_tool: Run,
    old_scores: Path,
) -> None:
    damage(own_data)
    options = [
        "--cfg-options",
        f"test_dataloader.num_workers={workers}",
        "test_dataloader.batch_size=1",
        # Not the first frame, so that a first batch is done before the error.
        "test_dataloader.dataset.pipeline.0.type=SampleFrames",
        "test_dataloader.dataset.pipeline.0.frame_interval=2",
        "test_dataloader.dataset.pipeline.0.placement=random",
    ]
    ended = run_tool(
        "test_recognizer",
        make_config(own_data),
        tiny_checkpoint,
        "--out",
        old_scores,
        "--ignore-cache",
        *options,
    )
    assert re.search(expected, ended.error), ended.error
    assert_untouched(old_scores)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            "model['backbone']['base_channels'] = 6",
            r"epoch_1\.pth is of another architecture: backbone\.stem\.conv\.weight is "
            r"\(4, 3, .*\) there, \(6, 3, .*\) in this network; .*; and \d+ more",
        ),
        (PLAIN_MODEL, r"is of another architecture: backbone\.layer4\.0\S* is missing"),
        ("test_dataloader['dataset']['start_index'] = 0", r"no frame 'img_00000\.jpg'"),
        ("test_dataloader['dataset']['image_tmpl'] = '{:d}.jpg'", r"holds img_00001\.jpg"),
        ("test_dataloader = None", r"the config has no test_dataloader"),
        ("del test_dataloader['dataset']['ann_file']", r"RawframeDataset needs the argument"),
    ],
)
def test_a_wrong_config_costs_one_line_and_no_file(
    changes: str,
    expected: str,
    tiny_data: Path,
    tiny_checkpoint: Path,
    make_config: MakeConfig,
    run_tool: Run,
    old_scores: Path,
) -> None:
    config = make_config(tiny_data, f"test_dataloader = loader('val', shuffle=False)\n{changes}")
    ended = run_tool(
        "test_recognizer", config, tiny_checkpoint, "--out", old_scores, "--ignore-cache"
    )
    assert re.search(expected, ended.error), ended.error
    assert_untouched(old_scores)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--out", "{tmp}/scores.txt"], r"expected a name that ends in \.pkl"),
        (["--out", "{tmp}/file/scores.pkl"], r"--out='.*file' can't be written to"),
        (["--out", "{tmp}/folder.pkl"], r"--out .*folder\.pkl: is a directory"),
        (["--log", "{tmp}/file/log.txt"], r"--log='.*file' can't be written to"),
        (["-s", "{tmp}/file/explanations"], r"-s='.*explanations' can't be written to"),
        (["--work-dir", "{tmp}/file/work"], r"work_dir='.*work' can't be written to"),
        (["--eval", "top2"], r"metric 'top2' is unknown: expected some of top1, top5, mean_class"),
        (["--gpus", "4096"], r"--gpus 4096: this machine has"),
    ],
)
def test_a_wrong_option_costs_one_line(
    options: list[str], expected: str, run_tiny: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.pkl").mkdir()
    given = [option.format(tmp=tmp_path) for option in options]
    ended = run_tiny("test_recognizer", *given)
    assert re.search(expected, ended.error), ended.error


def test_a_missing_broken_or_diverged_checkpoint(
    tiny_config: Path, tiny_checkpoint: Path, run_tool: Run, tmp_path: Path, old_scores: Path
) -> None:
    (tmp_path / "half.pth").write_bytes(tiny_checkpoint.read_bytes()[:5000])
    state = torch.load(tiny_checkpoint, weights_only=True)["state_dict"]
    state["perception_branch.fc.bias"][:] = torch.nan
    torch.save(state, tmp_path / "diverged.pth")
    for name, expected in (
        ("no.pth", r"checkpoint .*no\.pth: no such file"),
        ("half.pth", r"checkpoint .*half\.pth: damaged"),
        ("diverged.pth", "NaN or infinity"),
    ):
        options = ("--out", old_scores, "--ignore-cache")
        ended = run_tool("test_recognizer", tiny_config, tmp_path / name, *options)
        assert re.search(expected, ended.error), ended.error
        assert "score file" not in ended.error
        assert_untouched(old_scores)


def test_a_plain_recognizer_has_nothing_to_explain(
    without_attention: tuple[Path, Path], run_tool: Run, tmp_path: Path
) -> None:
    ended = run_tool("test_recognizer", *without_attention, "-s", tmp_path / "seen")
    assert "the recognizer made no attention maps" in ended.error
    # A name of its own: both may run within a second.
    ended = run_tool(
        "test_recognizer", *without_attention, "--cfg-options", "experiment_name=scored"
    )
    assert (ended.code, ended.err) == (0, "")
    assert "attention" not in ended.out.splitlines()[-1]


def test_the_list_that_older_code_wrote(run_tiny: Run, tmp_path: Path) -> None:
    """Logits, whose softmax are the probabilities of the table; of one view each."""
    table, listed = tmp_path / "table.pkl", tmp_path / "list.pkl"
    for out, form in ((table, "table"), (listed, "list"), (listed, "list")):
        assert run_tiny("test_recognizer", "--out", out, "--out-format", form).code == 0
    logits = pickle.loads(listed.read_bytes())
    assert isinstance(logits, list)
    expected = pickle.loads(table.read_bytes())["scores"]
    exponentials = [np.exp(row - row.max()) for row in logits]
    np.testing.assert_allclose([e / e.sum() for e in exponentials], expected, atol=1e-6)
