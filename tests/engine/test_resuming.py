"""Whose a work_dir is: runs by their ids, one training at a time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmaction.apis import load_config, train
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.errors import CheckpointError
from tests.engine.conftest import NO_VALIDATION, Started, Trained

QUICK = f"{NO_VALIDATION}default_hooks['checkpoint'] = dict(save_best=None, max_keep_ckpts=-1)\n"


@pytest.fixture
def work_dir_of(trained: Trained) -> Callable[..., Path]:
    """``work_dir_of(key=value…)``: of a finished training of one epoch, always the same."""
    return lambda **options: trained(QUICK, "work", **options)[1]


def run_id(work_dir: Path) -> str:
    return json.loads((work_dir / "run.json").read_text())["id"]


def test_a_new_start_moves_what_an_older_run_left(
    work_dir_of: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    work_dir = work_dir_of(**{"train_cfg.max_epochs": 2})
    first = run_id(work_dir)
    assert read_checkpoint(work_dir / "epoch_2.pth")["meta"]["run_id"] == first
    capsys.readouterr()
    # From weights of the run whose files are moved.
    work_dir_of(**{"train_cfg.max_epochs": 1, "load_from": str(work_dir / "epoch_2.pth")})
    assert run_id(work_dir) != first
    older = work_dir / "previous" / first
    assert {p.name for p in older.iterdir()} == {
        "epoch_1.pth",
        "epoch_2.pth",
        "last_checkpoint",
        "run.json",
    }
    assert [p.name for p in work_dir.glob("*.pth")] == ["epoch_1.pth"]
    assert f"of an older run are now in {older}" in capsys.readouterr().out


def test_auto_goes_on_with_the_run_alone(
    work_dir_of: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    work_dir = work_dir_of()
    first = run_id(work_dir)
    other = read_checkpoint(work_dir / "epoch_1.pth")
    work_dir_of(**{"train_cfg.max_epochs": 2, "resume_from": "auto"})
    assert run_id(work_dir) == first
    assert not (work_dir / "previous").exists()
    # A file of another run, which is trained further.
    other["meta"] |= dict(run_id="another", epoch=9, iter=18)
    torch.save(other, work_dir / "epoch_9.pth")
    capsys.readouterr()
    work_dir_of(**{"train_cfg.max_epochs": 3, "resume_from": "auto"})
    said = capsys.readouterr().out
    assert "epoch_9.pth: of another run" in said
    assert "resumed epoch: 2, iter: 4" in said


def test_auto_needs_the_same_model_and_lists(
    work_dir_of: Callable[..., Path], own_data: Path, make_config: Callable[..., Path]
) -> None:
    work_dir = work_dir_of()
    with pytest.raises(CheckpointError, match=r"model\.\S*dropout\S* is .* there and 0\.9 in the"):
        work_dir_of(**{"resume_from": "auto", "model.perception_branch.dropout_ratio": 0.9})
    lines = (own_data / "train.txt").read_text().splitlines()
    (own_data / "train.txt").write_text("\n".join(lines[::-1]) + "\n")
    config = make_config(own_data, QUICK)
    with pytest.raises(CheckpointError, match=r"train_dataloader\.dataset\.ann_file, SHA-256"):
        train(load_config(config, {"resume_from": "auto", "work_dir": str(work_dir)}))
    options = {"resume_from": str(work_dir / "epoch_1.pth"), "train_cfg.max_epochs": 2}
    assert train(load_config(config, {**options, "work_dir": str(work_dir)})).epoch == 2


SLOW = """
import time
from mmengine.hooks import Hook
from mmaction.registry import HOOKS


@HOOKS.register_module()
class Linger(Hook):
    def before_train(self, runner):
        time.sleep(60)
"""


def test_a_second_training_is_refused_and_a_killed_one_blocks_nothing(
    make_config: Callable[..., Path],
    tiny_data: Path,
    tmp_path: Path,
    imported: Callable[..., str],
    started: Started,
    run_tool: Callable[..., Any],
) -> None:
    text = imported("linger", SLOW) + "custom_hooks = [dict(type='Linger')]\n"
    slow = make_config(tiny_data, QUICK + text, name="slow.py")
    first = started.start(sys.executable, "tools/train_recognizer.py", slow)
    lock = tmp_path / "work/training.lock"
    started.wait_for(lambda: lock.exists() and lock.read_text())
    config = make_config(tiny_data, QUICK)
    ended = run_tool("train_recognizer", config)
    assert ended.code == 2
    assert f"work': process {first.pid} on" in ended.error
    assert "trains there: wait for it to end, or take another" in ended.error
    assert not (tmp_path / "work" / config.name).exists()
    started.end_all()
    assert run_tool("train_recognizer", config).code == 0


def test_copied_checkpoints_bring_their_run_along(
    work_dir_of: Callable[..., Path], tmp_path: Path
) -> None:
    """And those from before there were ids go on in a run that gets one."""
    work_dir = work_dir_of()
    first = run_id(work_dir)
    content = read_checkpoint(work_dir / "epoch_1.pth")
    for name, expected in (("copied", first), ("unnamed", "from_epoch_1")):
        content["meta"]["run_id"] = first if name == "copied" else None
        (tmp_path / name).mkdir()
        torch.save(content, tmp_path / name / "epoch_1.pth")
        options = {"work_dir": str(tmp_path / name), "resume_from": "auto"}
        work_dir_of(**options, **{"train_cfg.max_epochs": 2})
        assert run_id(tmp_path / name) == expected
        assert sorted(p.name for p in (tmp_path / name).glob("*.pth"))[0] == "epoch_1.pth"


def test_text_in_a_checkpoint_is_not_run(work_dir_of: Callable[..., Path], tmp_path: Path) -> None:
    """mmengine reads ``meta.config`` as a config, which is a program."""
    work_dir = work_dir_of()
    content = read_checkpoint(work_dir / "epoch_1.pth")
    content["meta"]["config"] = f"open({str(tmp_path / 'was_here')!r}, 'w')"
    torch.save(content, tmp_path / "other.pth")
    work_dir_of(**{"resume_from": str(tmp_path / "other.pth"), "train_cfg.max_epochs": 2})
    assert not (tmp_path / "was_here").exists()
