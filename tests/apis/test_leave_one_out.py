from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmaction.apis import load_config
from mmaction.apis.leave_one_out import find_groups, leave_one_out
from mmaction.errors import ConfigError, UserError
from mmaction.registry import DATASETS
from tests.conftest import write_videos


def test_groups_are_told_by_the_parentheses() -> None:
    names = ["s1_bend", "s10_bend", "s1_wave", "s2_bend"]
    assert find_groups(names, r"(s\d+)_") == {
        "s1": ["s1_bend", "s1_wave"],
        "s10": ["s10_bend"],
        "s2": ["s2_bend"],
    }


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "is no regular expression"),
        (r"s\d+", "expected parentheses"),
        (r"(t\d+)", "does not fit the video 's1_bend'"),
        (r"(s)", "finds the group 's' alone"),
    ],
)
def test_patterns_that_find_no_groups(pattern: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_groups(["s1_bend", "s2_bend"], pattern)


@pytest.mark.slow
def test_each_group_is_tested_on_by_a_network_that_never_saw_it(
    make_config: Callable[..., Path], tmp_path: Path
) -> None:
    # '[1]' is a pattern of the shell, and 'a' begins 'aa': neither may widen a group.
    names = ["a_[1], y", "a_z", "aa_1, y", "aa_z"]
    data = tmp_path / "data"
    write_videos(data / "frames", names, image_tmpl="img_{:05d}.jpg")
    for split in ("train", "val"):
        (data / f"{split}.txt").write_text("".join(f"{name} 6 0\n" for name in names))
    (data / "classes.txt").write_text("bend\njack\nwave\n")
    config, work_dir = str(make_config(data)), tmp_path / "folds"
    folds = list(leave_one_out(config, group=r"(.+?)_", work_dir=str(work_dir), seed=3))
    assert [(fold.group, fold.videos) for fold in folds] == [("a", 2), ("aa", 2)]
    assert all(0 <= fold.metrics["perception/top1"] <= 1 for fold in folds)
    cfg = load_config(work_dir / "a.py")
    train, test = (
        DATASETS.build(cfg[f"{split}_dataloader"].dataset) for split in ("train", "test")
    )
    assert list(train.annotations.names()) == ["aa_1, y", "aa_z"]
    assert list(test.annotations.names()) == ["a_[1], y", "a_z"]


def test_a_command_that_fails_ends_it(tiny_config: Path, tmp_path: Path) -> None:
    folds = leave_one_out(
        str(tiny_config),
        group=r"train/(video \d)",
        work_dir=str(tmp_path / "folds"),
        seed=0,
        options=["model.clip_len=5"],
    )
    with pytest.raises(UserError, match=r"train_recognizer.py .* ended with exit code 2"):
        next(iter(folds))
