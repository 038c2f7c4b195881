"""Data sets damaged on disk, and the problems counted by hand."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmaction.apis import load_config
from mmaction.datacheck.check import check_dataset
from mmaction.datacheck.findings import Depth
from mmaction.datacheck.problems import Problems, collect_problems
from mmaction.datasets import RawframeDataset
from mmaction.datasets.sources.directory import FrameDirectory, find_frames
from mmaction.errors import ConfigError
from mmaction.registry import DATASETS

# own_data: two videos of 6 frames in each split, labels 0 and 1 of 3 classes; test is val.
FRAMES = 6
# Of class 2, in train and in val.
NOTES = 2
OWN_PROCESS = os.getpid()

Check = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def check(make_config: Callable[..., Path], tmp_path: Path) -> Check:
    """``check(data, …)``: all problems of the data set, but for the notes on empty classes."""

    def check(
        data: Path, text: str = "", *, depth: Depth = Depth.FILES, jobs: int = 1
    ) -> list[dict[str, Any]]:
        out = tmp_path / "problems.jsonl"
        cfg = load_config(make_config(data, text))
        with collect_problems(str(out)) as problems:
            check_dataset(cfg, problems, depth=depth, jobs=jobs, stream=io.StringIO())
        found = [json.loads(line) for line in out.read_text().splitlines()]
        assert len(problems) == len(found)
        return [problem for problem in found if problem["kind"] != "empty-class"]

    return check


def short(problems: list[dict[str, Any]]) -> list[tuple[str, str, str, int]]:
    return [(p["split"], p["severity"], p["kind"], p["line"]) for p in problems]


def rewrite(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("depth", Depth)
@pytest.mark.parametrize("jobs", [1, 2])
def test_nothing_is_wrong_with_good_data(
    check: Check, own_data: Path, depth: Depth, jobs: int
) -> None:
    assert check(own_data, depth=depth, jobs=jobs) == []


def test_parts_of_one_video_are_no_copies_but_end_with_it(check: Check, own_data: Path) -> None:
    lines = ["0:3 0", "3:6 1", "3:6 1", "4:7 1,3"]
    (own_data / "train.txt").write_text("".join(f"train/video 0 {line}\n" for line in lines))
    assert short(check(own_data)) == [
        ("train", "error", "label-range", 4),
        ("train", "warning", "duplicate", 3),
        ("train", "error", "too-few-frames", 4),
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_damaged_set_in_order(check: Check, own_data: Path, jobs: int) -> None:
    frames = own_data / "frames"
    (frames / "train/video 0/img_00002.jpg").write_bytes(b"")
    cut = frames / "train/video 0/img_00004.jpg"
    cut.write_bytes(cut.read_bytes()[:-9])
    shutil.rmtree(frames / "train/video 1")
    (frames / "val/video 0/img_00003.jpg").unlink()
    rewrite(own_data / "val.txt", "video 1 6", "video 1 7")
    problems = check(own_data, jobs=jobs)
    assert short(problems) == [
        ("train", "error", "empty-file", 1),
        ("train", "error", "truncated", 1),
        ("train", "error", "missing-video", 2),
        ("val", "error", "gap", 1),
        ("val", "error", "too-few-frames", 2),
    ]
    assert problems[1] == {
        "split": "train",
        "severity": "error",
        "kind": "truncated",
        "message": "the file ends before the image does",
        "video": "train/video 0",
        "list": str(own_data / "train.txt"),
        "line": 1,
        "file": str(cut),
    }


def test_videos_that_are_not_there(check: Check, own_data: Path) -> None:
    """The first one does not hide the others."""
    shutil.rmtree(own_data / "frames/train/video 0")
    (own_data / "frames/train/video 1/img_00002.jpg").unlink()
    assert short(check(own_data)) == [
        ("train", "error", "missing-video", 1),
        ("train", "error", "gap", 2),
    ]
    shutil.rmtree(own_data / "frames")
    problems = check(own_data)
    assert short(problems) == [
        ("train", "error", "no-source", 0),
        ("val", "error", "no-source", 0),
    ]
    assert problems[0]["file"] == str(own_data / "frames")


def test_labels(check: Check, own_data: Path) -> None:
    rewrite(own_data / "train.txt", "video 1 6 1", "video 1 6 3")
    (own_data / "frames/val/video 0").rename(own_data / "frames/val/a")
    (own_data / "val.txt").write_text("val/a 6\n")
    problems = check(own_data)
    assert short(problems) == [
        ("train", "error", "label-range", 2),
        ("val", "error", "no-labels", 0),
    ]
    assert problems[0]["message"] == "label 3, but labels go from 0 to 2"


def test_classes_without_videos_are_noted(make_config: Callable[..., Path], own_data: Path) -> None:
    problems = Problems()
    cfg = load_config(make_config(own_data))
    check_dataset(cfg, problems, depth=Depth.NAMES, jobs=1, stream=io.StringIO())
    assert [(p.severity, p.kind) for p in problems] == [("note", "empty-class")] * NOTES
    lines = list(problems.summary())
    assert lines[1:] == [
        f"    {s}: 1 of 3 classes have no video: 2 'wave'" for s in ("train", "val")
    ]


def test_class_names_that_do_not_fit(check: Check, own_data: Path) -> None:
    (own_data / "classes.txt").write_text("bend\njack\n")
    problems = check(own_data)
    assert [(s, k) for s, _, k, _ in short(problems)] == [
        ("train", "class-names"),
        ("val", "class-names"),
    ]
    said = "num_classes=3, but there are 2 class names ('bend', …) for "
    assert problems[0]["message"] == f"{said}'{own_data}/train.txt'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train/video 0 6 six\n", "train.txt:1: 'train/video 0 6 six' is no"),
        ("../video 6 0\n", "leaves data_root"),
        ("", "the list is empty"),
    ],
)
def test_a_list_that_can_not_be_used_leaves_the_others(
    check: Check, own_data: Path, text: str, message: str
) -> None:
    (own_data / "train.txt").write_text(text)
    (own_data / "frames/val/video 1/img_00002.jpg").write_bytes(b"")
    problems = check(own_data)
    assert short(problems) == [("train", "error", "bad-list", 0), ("val", "error", "empty-file", 2)]
    assert message in problems[0]["message"]


def test_a_video_twice_in_a_split(check: Check, own_data: Path) -> None:
    with (own_data / "train.txt").open("a") as file:
        file.write("train/video 0 6 0\ntrain//video 1 6 2\n")
    problems = check(own_data)
    assert short(problems) == [
        ("train", "warning", "duplicate", 3),
        ("train", "error", "duplicate", 4),
    ]
    where = own_data / "train.txt"
    assert problems[0]["message"] == f"is also 'train/video 0' ({where}:1)"
    assert problems[1]["message"].endswith(f"({where}:2), with label 1 instead of 2")


@pytest.mark.parametrize(
    ("list_", "line", "text", "expected"),
    [
        ("val.txt", "train/video 1 6 1\n", "", ("val", "error", "overlap", 3)),
        (
            "test.txt",
            "val/video 1 6 1\n",
            "test_dataloader = loader('test', shuffle=False)",
            ("test", "warning", "overlap", 1),
        ),
        (
            "train.txt",
            "",
            "test_dataloader = train_dataloader",
            ("test", "error", "overlap", 0),
        ),
    ],
)
def test_a_video_in_two_splits(
    check: Check, own_data: Path, list_: str, line: str, text: str, expected: tuple[object, ...]
) -> None:
    with (own_data / list_).open("a") as file:
        file.write(line)
    assert short(check(own_data, text, depth=Depth.NAMES)) == [expected]


@pytest.mark.parametrize("depth", [Depth.FILES, Depth.PIXELS])
def test_contents_under_other_names(check: Check, own_data: Path, depth: Depth) -> None:
    frames = own_data / "frames"
    shutil.copytree(frames / "train/video 1", frames / "val/copied")
    shutil.copytree(frames / "train/video 1", frames / "train/copied")
    # All but a frame that is seldom looked at.
    shutil.copytree(frames / "train/video 1", frames / "val/similar")
    shutil.copy(frames / "val/video 0/img_00002.jpg", frames / "val/similar/img_00002.jpg")
    for split in ("train", "val"):
        with (own_data / f"{split}.txt").open("a") as file:
            file.write(f"{split}/copied 6 1\n")
    with (own_data / "val.txt").open("a") as file:
        file.write("val/similar 6 1\n")
    problems = check(own_data, depth=depth)
    assert short(problems) == [
        ("train", "warning", "duplicate-content", 3),
        ("val", "error", "overlap-content", 3),
    ]
    where = own_data / "train.txt"
    assert problems[1]["message"] == f"is a copy of 'train/video 1' ({where}:2), of train"
    assert check(own_data, depth=Depth.NAMES) == []


def test_several_files_and_patterns(check: Check, own_data: Path) -> None:
    """Leave-one-out: of a file, include and exclude may leave nothing."""
    (own_data / "frames/val/video 1/img_00002.jpg").write_bytes(b"")
    both = f"['{own_data}/train.txt', '{own_data}/val.txt']"
    text = (
        f"train_dataloader['dataset'].update(ann_file={both}, exclude='val/video 1', repeat=3)\n"
        f"val_dataloader['dataset'].update(ann_file={both}, include='val/video 1')\n"
    )
    assert short(check(own_data, text)) == [("val", "error", "empty-file", 2)]
    nothing = text.replace("include='val", "include='nowhere")
    assert short(check(own_data, nothing)) == [("val", "error", "bad-list", 0)]


def test_absolute_names_of_a_filtered_list_are_below_its_root(check: Check, own_data: Path) -> None:
    rewrite(own_data / "train.txt", "train/", f"{own_data}/frames/train/")
    (own_data / "frames/train/video 0/img_00002.jpg").write_bytes(b"")
    text = "train_dataloader['dataset']['exclude'] = 'train/video 1'"
    assert short(check(own_data, text)) == [("train", "error", "empty-file", 1)]


def test_a_config_that_can_not_be_used(check: Check, own_data: Path) -> None:
    for text, message in (
        ("train_dataloader['dataset']['image_tmpl'] = 'img.jpg'", "image_tmpl"),
        ("train_dataloader['dataset']['imag_tmpl'] = '{}.jpg'", "imag_tmpl"),
        ("train_dataloader['dataset']['pipeline'].pop()", "PackClips"),
        ("train_dataloader['dataset']['data_root'] = ['a', 'b']", "data_root: 2 for 1"),
        ("train_dataloader['dataset'].pop('ann_file')", "train_dataloader.dataset.ann_file"),
        ("train_dataloader['dataset']['type'] = 'AccuracyMetric'", "AccuracyMetric"),
    ):
        with pytest.raises(ConfigError, match=message):
            check(own_data, text)


class DeadlyFrames(FrameDirectory):
    """Kills each process but this one that looks for a certain video."""

    def file_names(self, name: str) -> list[str]:
        if name == "train/video 1" and os.getpid() != OWN_PROCESS:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().file_names(name)


@DATASETS.register_module()
class DeadlyDataset(RawframeDataset):
    def open_source(self, data_root: str, example: str) -> FrameDirectory:
        return find_frames(data_root, example, kind=DeadlyFrames)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_crash_while_reading_is_a_problem_of_its_video(
    check: Check, own_data: Path, jobs: int
) -> None:
    text = "train_dataloader['dataset']['type'] = 'DeadlyDataset'"
    assert short(check(own_data, text, jobs=jobs)) == [("train", "error", "fatal", 2)]


def test_flips_by_class_names_find_them(check: Check, own_data: Path) -> None:
    classes = ("move_left", "move_right", "rotate_clockwise", "rotate_counter_clockwise")
    (own_data / "classes.txt").write_text("\n".join(classes) + "\n")
    flip = "dict(type='Flip', label_map='motion_shapes')"
    text = f"model['num_classes'] = 4\ntrain_dataloader['dataset']['pipeline'].insert(3, {flip})\n"
    assert check(own_data, text) == []
