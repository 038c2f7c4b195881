from __future__ import annotations

from pathlib import Path

import pytest

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.validation import check_directories, check_labels, check_overlap
from mmaction.errors import DataError


@pytest.fixture
def annotations(tmp_path: Path) -> AnnotationList:
    return make(tmp_path / "list.txt", "a 3 0\nb 4 2\nc/d 5 7\nc/e 5 1\nc/f 5 3\n")


def make(path: Path, text: str) -> AnnotationList:
    path.write_text(text)
    return AnnotationList.load(path)


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


def test_directories(annotations: AnnotationList, tmp_path: Path) -> None:
    for name in annotations.names():
        (tmp_path / name).mkdir(parents=True)
    check_directories(annotations, tmp_path)

    (tmp_path / "c/e").rmdir()
    (tmp_path / "c/e").write_text("a file")
    (tmp_path / "a").rmdir()
    with pytest.raises(
        DataError, match=r"2 of 5 videos have no directory in .*: 'a' \(.*txt:1\), 'c/e'"
    ):
        check_directories(annotations, tmp_path)


def test_many_missing_directories_are_counted(annotations: AnnotationList, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"5 of 5 videos .* 'a' .*, 'b' .*, 'c/d' .*, …"):
        check_directories(annotations, tmp_path)
    with pytest.raises(DataError, match="nowhere' is not a directory"):
        check_directories(annotations, tmp_path / "nowhere")


def test_linked_directories_count(annotations: AnnotationList, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "c").mkdir()
    for name in annotations.names():
        (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    check_directories(annotations, tmp_path)


def test_overlap(annotations: AnnotationList, tmp_path: Path) -> None:
    check_overlap(annotations, make(tmp_path / "val.txt", "x 3 0\nc 1 1\n"))
    val = make(tmp_path / "val.txt", "x 3 0\nc/d 5 7\na 3 1\n")
    with pytest.raises(
        DataError, match=r"2 of 3 validation videos .*: 'c/d' \(.*list.txt:3 and .*val.txt:2\), 'a'"
    ):
        check_overlap(annotations, val)
