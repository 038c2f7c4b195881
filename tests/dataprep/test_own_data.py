from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction.dataprep.listing import Listing
from mmaction.dataprep.own_data import list_table
from mmaction.errors import DataError


def read(root: Path, text: str, **options: str) -> tuple[Listing, dict[str, int] | None]:
    (root / "t.csv").write_text(text, encoding="utf-8", newline="")
    return list_table(str(root / "t.csv"), **options)


def entries(listing: Listing) -> list[tuple[str, int | None]]:
    [only] = listing.splits.values()
    return [(entry.name, entry.label) for entry in only]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_by_name(tmp_path: Path, delimiter: str) -> None:
    text = "\ufeffLabel,Path,Frames\r\nwave,b/x.mp4,12\r\nbend,a\\y,7\r\n"
    listing, frames = read(tmp_path, text.replace(",", delimiter))
    assert listing.classes == ["bend", "wave"]
    assert entries(listing) == [("b/x.mp4", 1), ("a/y", 0)]
    assert frames == {"b/x.mp4": 12, "a/y": 7}


@pytest.mark.parametrize("classes", ["x\ny\nz\n", None])
def test_labels_that_are_numbers_are_ids(tmp_path: Path, classes: str | None) -> None:
    options = {}
    if classes is not None:
        (tmp_path / "classes.txt").write_text(classes)
        options["classes"] = str(tmp_path / "classes.txt")
    listing, _ = read(tmp_path, "path,label\na,2\nb,0\n", **options)
    assert listing.classes == (classes or "0\n1\n2").split()
    assert entries(listing) == [("a", 2), ("b", 0)]


def test_classes_of_a_file_keep_its_order(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("wave\nbend\n")
    listing, frames = read(tmp_path, "path,label\na,bend\n", classes=f"{tmp_path}/classes.txt")
    assert (listing.classes, entries(listing), frames) == (["wave", "bend"], [("a", 1)], None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "t.csv:1: no header"),
        ("path,label\n", "t.csv: no row but the header"),
        ("a,b\nc,d\n", "t.csv:1: no column 'path'; the header has 'a', 'b'"),
        ("path,path,label\na,b,c\n", "t.csv:1: several columns 'path'"),
        ("path,label\n/abs,x\n", "t.csv:2: path '/abs' is none relative"),
        ("path,label\na/../../b,x\n", "t.csv:2: path"),
        ("path,label\na,\n", "t.csv:2: no label"),
        ("path,label\na,x\nb,y,z\n", "t.csv:3: 3 columns"),
        ("path,label\na,x\na,x\n", "t.csv:3: 'a' is also listed at .*t.csv:2"),
        ("path,label,frames\na,x,0\n", "t.csv:2: frames '0' is no number of at least 1"),
        ("path,label,split\na,x,dev\n", "t.csv:2: split 'dev' is none of train, val, test"),
        ("path,label\na,1\nb,99999\n", "t.csv:3: label 99999 of 2 videos is no class id"),
    ],
)
def test_rows_that_cannot_be_right(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("label", "problem"), [("2", "label 2, but .* names 2 classes"), ("z", "'z' is no class of")]
)
def test_labels_that_no_class_has(tmp_path: Path, label: str, problem: str) -> None:
    (tmp_path / "classes.txt").write_text("x\ny\n")
    with pytest.raises(DataError, match=f"t.csv:2: .*{problem}"):
        read(tmp_path, f"path,label\na,{label}\n", classes=str(tmp_path / "classes.txt"))


# What a name or class is made of; a cell is stripped.
WORDS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="/\\.")
    | st.sampled_from(" ,;\"'"),
    min_size=1,
    max_size=12,
).filter(lambda text: text == text.strip())


@given(st.dictionaries(WORDS, WORDS.map(lambda w: f"c{w}"), min_size=1, max_size=12))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, videos: dict[str, str]
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([("path", "label"), *videos.items()])
    listing, _ = read(tmp_path_factory.mktemp("table", numbered=True), text.getvalue())
    assert {name: listing.classes[label or 0] for name, label in entries(listing)} == videos
