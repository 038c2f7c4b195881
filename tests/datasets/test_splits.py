from __future__ import annotations

from pathlib import Path

import pytest

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.directory import FrameDirectory
from mmaction.datasets.splits import (
    check_columns,
    check_labelled,
    check_labels,
    check_overlap,
    check_present,
)
from mmaction.errors import DataError


@pytest.fixture
def annotations(tmp_path: Path) -> AnnotationList:
    return make(tmp_path / "list.txt", "a 3 0\nb 4 2\nc/d 5 7\nc/e 5 1\nc/f 5 3\n")


def make(path: Path, text: str) -> AnnotationList:
    path.write_text(text)
    return AnnotationList.load(path)


def frames_in(root: Path) -> FrameDirectory:
    return FrameDirectory(str(root), "img_{:05d}.jpg", 1)


def test_labels_within_range_pass(annotations: AnnotationList, tmp_path: Path) -> None:
    check_labels(annotations, 8)
    check_labels(make(tmp_path / "unlabelled.txt", "a 3\n"), 1)


def test_label_out_of_range_is_named(annotations: AnnotationList) -> None:
    with pytest.raises(
        DataError, match=r"list.txt:3: label 7 of 'c/d' does not fit num_classes=3.*0 to 2.*1 more"
    ):
        check_labels(annotations, 3)
    with pytest.raises(DataError, match=r"list.txt:3: [^(]*$"):
        check_labels(annotations, 7)


def test_missing_videos_are_counted(annotations: AnnotationList, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"^5 of 5 videos are not in '.*': 'a' \(.*txt:1\), 'b' .*, 'c/d' .*, …$"
    ):
        check_present(annotations, [frames_in(tmp_path)])


def test_each_annotation_file_has_its_own_root(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make(tmp_path / f"{name}.txt", f"{name} 3 0\n")
        (tmp_path / f"in {name}" / name).mkdir(parents=True)
    annotations = AnnotationList.load([tmp_path / "one.txt", tmp_path / "two.txt"])
    roots = [frames_in(tmp_path / "in one"), frames_in(tmp_path / "in two")]
    check_present(annotations, roots)
    with pytest.raises(DataError, match=r"^1 of 1 videos are not in '.*in two': 'one' "):
        check_present(annotations, roots[::-1])


def test_overlap(annotations: AnnotationList, tmp_path: Path) -> None:
    check_overlap(annotations, make(tmp_path / "val.txt", "x 3 0\nc 1 1\n"))
    val = make(tmp_path / "val.txt", "x 3 0\nc/d 5 7\na 3 1\n")
    with pytest.raises(
        DataError, match=r"2 of 3 validation videos .*: 'c/d' \(.*list.txt:3 and .*val.txt:2\), 'a'"
    ):
        check_overlap(annotations, val)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 5\nb 1\n", r"list.txt:1: 'a' has 12 frames, not 5: a line with one number reads"),
        (
            "a 3 12\nb 4 9\n",
            r"list.txt:1: 'a' has 12 frames: a line reads 'directory frames label'",
        ),
        ("a 12 3\nb 9 4\n", None),
        ("a 12\nb 9\n", None),
        ("a 11 3\nb 8 9\n", None),  # a frame is left out; a label may be a count by chance
        ("c 1\n", None),  # not there: another check's
    ],
)
def test_numbers_are_what_their_places_say(tmp_path: Path, text: str, message: str | None) -> None:
    for name, count in (("a", 12), ("b", 9)):
        (tmp_path / name).mkdir()
        for number in range(1, count + 1):
            (tmp_path / name / f"img_{number:05d}.jpg").touch()
    annotations = make(tmp_path / "list.txt", text)
    if message is None:
        check_columns(annotations, [frames_in(tmp_path)])
    else:
        with pytest.raises(DataError, match=message):
            check_columns(annotations, [frames_in(tmp_path)])


def test_of_two_lists_one_may_be_left_out(tmp_path: Path) -> None:
    make(tmp_path / "a.txt", "a 3 0\n")
    make(tmp_path / "b.txt", "b 3 0\n")
    for name in ("a", "b"):
        both = AnnotationList.load([tmp_path / "a.txt", tmp_path / "b.txt"], include=name)
        check_columns(both, [frames_in(tmp_path)] * 2)


def test_a_list_without_labels_is_named(annotations: AnnotationList, tmp_path: Path) -> None:
    check_labelled(annotations, split="train")
    with pytest.raises(DataError, match=r"bare.txt:1: 'a' has no label: the val list needs one in"):
        check_labelled(make(tmp_path / "bare.txt", "a 3\nb 4\n"), split="val")
