"""The commands of this project's users, typed as they type them, in other processes than this.

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

from tests.conftest import in_one_process
from tests.frame_fixtures import write_film

Run = Callable[..., Any]

needs_two = pytest.mark.skipif(
    torch.cuda.device_count() == 1 or (os.cpu_count() or 1) < 2,
    reason="takes two GPUs, or none and two cores",
)


@pytest.fixture
def typed(run_process: Run) -> Run:
    """``typed(line, …)``: what each line of a shell in the repository prints; all have to end well.

    Several lines are commands of Python, which one process runs one after another.
    """

    def run(*lines: str) -> list[str]:
        commands = [shlex.split(line) for line in lines]
        first = [sys.executable if word == "python" else word for word in commands[0]]
        if len(commands) > 1:
            assert {words[0] for words in commands} == {"python"}
            first = [sys.executable, *in_one_process(*(words[1:] for words in commands))]
        ended = run_process(*first)
        assert ended.code == 0, ended.err
        return re.split(r"^done: .*\n", ended.out, flags=re.MULTILINE)[: len(lines)]

    return run


def test_commands_of_one_process(
    typed: Run,
    make_config: Callable[..., Path],
    tiny_data: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
) -> None:
    """Two epochs, and a third by a config of three; from weights; validation; a bare ``-s``.

    Before the config it does not take the config's name for a directory; after the checkpoint it is
    in tools/test_test_recognizer.py.
    """
    epochs = "train_cfg['max_epochs'] = {}\n"
    two = make_config(tiny_data, epochs.format(2))
    three = make_config(tiny_data, epochs.format(3), name="three.py")
    often = epochs.format(11) + "evaluation = dict(interval=10)\n"
    often_validated = make_config(tiny_data, often, name="often.py")
    plain = make_config(tiny_data, name="plain.py")
    train, work_dir = "python tools/train_recognizer.py", tmp_path / "results"
    [shown] = typed(f"{train} {two} --work_dir {work_dir} --gpus 1 --validate")
    assert "Epoch(val) [2][4/4]" in shown
    assert (work_dir / "epoch_2.pth").is_file()
    resumed, begun, validated, _ = typed(
        f"{train} {three} --work_dir {work_dir} --resume_from {work_dir}/epoch_2.pth",
        f"{train} {plain} --work_dir {tmp_path}/begun --load_from {tiny_checkpoint}",
        f"{train} {often_validated}",
        f"python tools/test_recognizer.py -s {make_config(tiny_data)} {tiny_checkpoint}",
    )
    assert "Epoch(train) [3][2/2]" in resumed
    assert "Epoch(train) [2]" not in resumed, "it began anew"
    assert f"Loaded checkpoint {tiny_checkpoint}" in begun
    assert "Epoch(train) [1][2/2]" in begun
    # Every tenth epoch, and after the last.
    found = re.findall(r"Epoch\(val\) \[(\d+)\]\[4/4\].*perception/top1", validated)
    assert found == ["10", "11"]
    assert (tmp_path / "work/explanations/index.html").is_file()


@needs_two
def test_test_in_two_processes(
    typed: Run, tiny_config: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    [shown] = typed(
        f"python tools/test_recognizer.py {tiny_config} {tiny_checkpoint} --gpus 2"
        f" --out {tmp_path}/result.pkl --ignore_cache --eval top_k_accuracy mean_class_accuracy"
    )
    assert re.search(r"branch +top1 +top5 +mean_class", shown)
    with open(tmp_path / "result.pkl", "rb") as file:
        assert len(pickle.load(file)["names"]) == 7


@needs_two
def test_both_scripts_for_several_processes(
    typed: Run, run_tool: Run, tiny_config: Path, tmp_path: Path
) -> None:
    """The second takes scores from the cache; engine/test_distributed.py computes them by it."""
    work_dir, scores = tmp_path / "results", tmp_path / "result.pkl"
    [shown] = typed(
        f"./tools/dist_train_recognizer.sh {tiny_config} 2 --work_dir {work_dir} --validate"
    )
    assert "4 clips a step (2 process(es) × 2)" in shown
    test = f"{tiny_config} {work_dir}/epoch_1.pth --out {scores} --eval top_k_accuracy"
    assert run_tool("test_recognizer", *test.split()).code == 0
    script, two = "./tools/dist_test_recognizer.sh", test.replace(".pth ", ".pth 2 ")
    [shown] = typed(f"{script} {two}")
    assert shown.splitlines()[0] == f"7 videos, scores from {scores}"
    assert shown.count("7 videos") == 1


def test_videos_of_ones_own(run_process: Run, tmp_path: Path) -> None:
    """docs/data.md: from class folders of video files to maps, in three commands."""
    for label, step in (("slow", 2), ("fast", 9)):
        (tmp_path / "mine/videos" / label).mkdir(parents=True)
        for number in range(5):
            write_film(tmp_path / f"mine/videos/{label}/video {number}.mp4", 20, step=step)
    mine, work_dir = tmp_path / "mine", tmp_path / "results"
    config = "config_files/mine/st_abn.py"
    few = ["--cfg-options", "train_cfg.max_epochs=1", "train_dataloader.num_workers=0"]
    lists = ["folder", "--videos-root", mine / "videos", "--out", mine]
    train = [config, "--validate", "--work-dir", work_dir, *few]
    test = [config, work_dir / "epoch_1.pth", "-s", tmp_path / "maps", "--work-dir", work_dir]
    test += ["--cfg-options", "experiment_name=test"]  # loggers go by it and by the second
    commands = (
        ["tools/data/build_annotations.py", *lists],
        ["tools/train_recognizer.py", *train],
        ["tools/test_recognizer.py", *test],
    )
    ended = run_process(sys.executable, *in_one_process(*commands), MINE=str(mine))
    assert ended.code == 0, ended.err
    assert (mine / "classes.txt").read_text().split() == ["fast", "slow"]
    assert "2 videos" in ended.out
    assert (tmp_path / "maps/index.html").is_file()
