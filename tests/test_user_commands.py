"""The commands of this project's users, typed as they type them, as processes of their own.

``python setup.py develop`` is in test_install.py, in copies of the repository.
"""

from __future__ import annotations

import os
import pickle
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

Run = Callable[..., Any]

TWO_EPOCHS = "train_cfg['max_epochs'] = 2\n"
needs_two = pytest.mark.skipif(
    torch.cuda.device_count() == 1 or (os.cpu_count() or 1) < 2,
    reason="takes two GPUs, or none and two cores",
)


@pytest.fixture
def typed(run_process: Run) -> Run:
    """``typed(line)`` runs a line of a shell in the repository; it has to end well."""

    def run(line: str) -> str:
        words = [sys.executable if word == "python" else word for word in shlex.split(line)]
        ended = run_process(*words)
        assert ended.code == 0, ended.err
        return ended.out

    return run


def test_train_with_validation_then_resume(
    typed: Run, make_config: Callable[..., Path], tiny_data: Path, tmp_path: Path
) -> None:
    """Two epochs, then a third by a config of three that goes on from the second."""
    config = make_config(tiny_data, TWO_EPOCHS)
    work_dir = tmp_path / "results"
    train = f"python tools/train_recognizer.py {config} --work_dir {work_dir}"
    shown = typed(f"{train} --gpus 1 --validate")
    assert "Epoch(val) [2][4/4]" in shown
    assert (work_dir / "epoch_2.pth").is_file()
    shown = typed(
        f"{train} --resume_from {work_dir}/epoch_2.pth --cfg-options train_cfg.max_epochs=3"
    )
    assert "Epoch(train) [3][2/2]" in shown
    assert "Epoch(train) [2]" not in shown, "it began anew"


def test_train_from_weights(
    typed: Run, tiny_config: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    shown = typed(
        f"python tools/train_recognizer.py {tiny_config} --work_dir {tmp_path}/results"
        f" --load_from {tiny_checkpoint}"
    )
    assert f"Loaded checkpoint {tiny_checkpoint}" in shown
    assert "Epoch(train) [1][2/2]" in shown


def test_the_evaluation_interval_of_the_config(
    typed: Run, make_config: Callable[..., Path], tiny_data: Path
) -> None:
    """Every tenth epoch, and after the last."""
    text = "train_cfg['max_epochs'] = 11\nevaluation = dict(interval=10)\n"
    shown = typed(f"python tools/train_recognizer.py {make_config(tiny_data, text)}")
    assert re.findall(r"Epoch\(val\) \[(\d+)\]\[4/4\].*perception/top1", shown) == ["10", "11"]


@needs_two
def test_test_in_two_processes(
    typed: Run, tiny_config: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    shown = typed(
        f"python tools/test_recognizer.py {tiny_config} {tiny_checkpoint} --gpus 2"
        f" --out {tmp_path}/result.pkl --ignore_cache --eval top_k_accuracy mean_class_accuracy"
    )
    assert re.search(r"branch +top1 +top5 +mean_class", shown)
    with open(tmp_path / "result.pkl", "rb") as file:
        assert len(pickle.load(file)["names"]) == 7


def test_bare_s_writes_into_the_work_dir(
    typed: Run, tiny_config: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """Before the config it does not take the config's name for a directory.

    After the checkpoint it is in tools/test_test_recognizer.py.
    """
    typed(f"python tools/test_recognizer.py -s {tiny_config} {tiny_checkpoint}")
    assert (tmp_path / "work/explanations/index.html").is_file()


@needs_two
def test_both_scripts_for_several_processes(typed: Run, tiny_config: Path, tmp_path: Path) -> None:
    work_dir = tmp_path / "results"
    shown = typed(
        f"./tools/dist_train_recognizer.sh {tiny_config} 2 --work_dir {work_dir} --validate"
    )
    assert "4 clips a step (2 process(es) × 2)" in shown
    shown = typed(
        f"./tools/dist_test_recognizer.sh {tiny_config} {work_dir}/epoch_1.pth 2"
        f" --out {tmp_path}/result.pkl --eval top_k_accuracy"
    )
    assert "7 videos" in shown
    assert (tmp_path / "result.pkl").is_file()


def test_videos_of_ones_own(
    run_process: Run, write_video: Callable[..., Path], tmp_path: Path
) -> None:
    """docs/data.md: from class folders of video files to maps, in three commands."""
    for label, step in (("slow", 2), ("fast", 9)):
        (tmp_path / "mine/videos" / label).mkdir(parents=True)
        for number in range(5):
            write_video(tmp_path / f"mine/videos/{label}/video {number}.mp4", 20, step=step)
    mine, work_dir = tmp_path / "mine", tmp_path / "results"
    config = "config_files/mine/st_abn.py"
    few = ["--cfg-options", "train_cfg.max_epochs=1", "train_dataloader.num_workers=0"]
    lists = ["folder", "--videos-root", mine / "videos", "--out", mine]
    train = [config, "--validate", "--work-dir", work_dir, *few]
    test = [config, work_dir / "epoch_1.pth", "-s", tmp_path / "maps", "--work-dir", work_dir]
    for tool, arguments in (
        ("data/build_annotations.py", lists),
        ("train_recognizer.py", train),
        ("test_recognizer.py", test),
    ):
        command = [f"tools/{tool}", *arguments]
        ended = run_process(sys.executable, *command, MINE=str(mine))
        assert ended.code == 0, ended.err
    assert (mine / "classes.txt").read_text().split() == ["fast", "slow"]
    assert "2 videos" in ended.out
    assert (tmp_path / "maps/index.html").is_file()
