"""The published files of Something-Something, small, in their real format and with real classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.dataprep.published import read_published
from mmaction.dataprep.something import class_of
from mmaction.datasets.class_names import map_by_name
from mmaction.errors import DataError

# Where V1's labels csv and V2's labels json have the classes that a mirror image swaps.
V1_SIDES = {
    2: "Turning the camera left while filming something",
    4: "Turning the camera right while filming something",
    30: "Pushing something from left to right",
    41: "Pushing something from right to left",
    52: "Pulling something from right to left",
    66: "Pulling something from left to right",
}
V2_SIDES = {
    86: "Pulling something from left to right",
    87: "Pulling something from right to left",
    93: "Pushing something from left to right",
    94: "Pushing something from right to left",
    166: "Turning the camera left while filming something",
    167: "Turning the camera right while filming something",
}
CLASSES = 174


def write_v1(root: Path, **texts: str) -> Path:
    root.mkdir(exist_ok=True)
    files = {
        "labels": "Holding something\nPushing something from left to right\n"
        "Lifting up one end of something, then letting it drop down\n",
        "train": "100218;Lifting up one end of something, then letting it drop down\n"
        "24413;Holding something\n",
        "validation": "74225;Pushing something from left to right\n",
        "test": "1420\n42326\n",
    }
    for word, text in (files | texts).items():
        (root / f"something-something-v1-{word}.csv").write_text(text)
    return root


def v2_video(name: str, template: str, *things: str) -> dict[str, Any]:
    """A video as V2's json has it, its label with the things in the placeholders' place."""
    label = template
    for thing in things:
        label = label.replace("[something]", thing, 1)
    return {"id": name, "label": label.lower(), "template": template, "placeholders": [*things]}


def write_v2(root: Path, **values: Any) -> Path:
    root.mkdir(exist_ok=True)
    files = {
        "labels": {
            "Putting something on a surface": "1",
            "Holding something next to something": "0",
            "Stacking number of something": "2",
        },
        "train": [
            v2_video("78687", "Holding [something] next to [something]", "potato", "vicks bottle"),
            v2_video("42326", "Stacking [number of] [something]", "three coins"),
        ],
        "validation": [v2_video("74225", "Putting [something] on a surface", "a cup")],
        "test": [{"id": "1420"}, {"id": "3000"}],
    }
    for word, value in (files | values).items():
        text = value if isinstance(value, str) else json.dumps(value)
        (root / f"something-something-v2-{word}.json").write_text(text)
    return root


def test_v1(tmp_path: Path) -> None:
    listing = read_published("sthv1", write_v1(tmp_path))
    assert len(listing.classes) == 3
    assert listing.classes[2] == "Lifting up one end of something, then letting it drop down"
    labels = {s: [(e.name, e.label) for e in entries] for s, entries in listing.splits.items()}
    assert labels == {
        "train": [("100218", 2), ("24413", 0)],
        "val": [("74225", 1)],
        "test": [("1420", None), ("42326", None)],
    }
    assert listing.splits["train"][1].where == f"{tmp_path}/something-something-v1-train.csv:2"
    assert (listing.published["train"], listing.published["val"]) == (86_017, 11_522)


def test_v2(tmp_path: Path) -> None:
    listing = read_published("sthv2", write_v2(tmp_path))
    assert listing.classes == [
        "Holding something next to something",
        "Putting something on a surface",
        "Stacking number of something",
    ]
    labels = {s: [(e.name, e.label) for e in entries] for s, entries in listing.splits.items()}
    assert labels == {
        "train": [("78687", 0), ("42326", 2)],
        "val": [("74225", 1)],
        "test": [("1420", None), ("3000", None)],
    }
    assert (listing.published["train"], listing.published["val"]) == (168_913, 24_777)


def test_v1_flip_pairs_are_classes_that_swap(tmp_path: Path) -> None:
    names = [V1_SIDES.get(label, f"Class {label}") for label in range(CLASSES)]
    videos = "".join(f"{label};{name}\n" for label, name in V1_SIDES.items())
    write_v1(tmp_path, labels="\n".join(names), train=videos, validation="9;Class 3\n")
    listing = read_published("sthv1", tmp_path)
    assert {int(e.name): e.label for e in listing.splits["train"]} == {n: n for n in V1_SIDES}
    check_pairs(listing.classes, map_by_name("sthv1", listing.classes))


def test_v2_flip_pairs_are_classes_that_swap(tmp_path: Path) -> None:
    labels = {V2_SIDES.get(label, f"Class {label}"): str(label) for label in range(CLASSES)}
    videos = [
        v2_video(str(label), name.replace("something", "[something]"), "a box")
        for label, name in V2_SIDES.items()
    ]
    listing = read_published(
        "sthv2", write_v2(tmp_path, labels=labels, train=videos, validation=[])
    )
    assert {int(e.name): e.label for e in listing.splits["train"]} == {n: n for n in V2_SIDES}
    check_pairs(listing.classes, map_by_name("sthv2", listing.classes))


def check_pairs(classes: Sequence[str], pairs: dict[int, int]) -> None:
    """Each pair is one text with left and right swapped, and all such texts are pairs."""
    swap = {"left": "right", "right": "left"}
    for label, name in enumerate(classes):
        mirrored = " ".join(swap.get(word, word) for word in name.split())
        assert classes.index(mirrored) == pairs.get(label, label)


def test_files_by_other_names_and_without_some(tmp_path: Path) -> None:
    write_v2(tmp_path)
    for path in tmp_path.iterdir():  # as the newer downloads call them
        path.rename(tmp_path / path.name.removeprefix("something-something-v2-"))
    assert list(read_published("sthv2", tmp_path).splits) == ["train", "val", "test"]
    (tmp_path / "validation.json").unlink()
    (tmp_path / "labels.json").rename(tmp_path / "mine.json")
    listing = read_published("sthv2", tmp_path, labels=str(tmp_path / "mine.json"))
    assert list(listing.splits) == ["train", "test"]


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (
            dict(train="1;Holding something\n2,Holding something\n"),
            "train.csv:2: '2,Holding something': a label in",
        ),
        (dict(train="1;Holding something\n\n2;\n"), "train.csv:3: '2;' is no 'id;class'"),
        (dict(train="1;Dancing\n"), "train.csv:1: label 'Dancing' is no class of .*labels.csv"),
        (dict(test="1420\n7;Holding something\n"), "test.csv:2: '7': a label in some rows only"),
        (dict(train="1;Holding something\n1;Holding something\n"), "csv:2: '1' is also .*csv:1"),
        (dict(labels="a\nb\na\n"), "labels.csv: class 'a' is there twice"),
        (dict(labels="\n"), "labels.csv: no class is named"),
    ],
)
def test_v1_lines_that_cannot_be_right(tmp_path: Path, texts: dict[str, str], problem: str) -> None:
    with pytest.raises(DataError, match=problem) as error:
        read_published("sthv1", write_v1(tmp_path, **texts))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (dict(train='[{"id": "1"'), r"train.json:1: no json at column \d+"),
        (dict(train={"id": "1"}), "train.json: expected a list of videos"),
        (dict(train=["1"]), "train.json: entry 1: expected an object"),
        (dict(train=[{"template": "x"}]), "train.json: entry 1: 'id' is None"),
        (dict(train=[{"id": "1", "template": 3}]), "entry 1: 'template' is 3, expected a text"),
        (dict(train=[{"id": "1", "template": "Eating [something]"}]), "'Eating something' is no"),
        (
            dict(train=[v2_video("1", "Putting [something] on a surface", "x"), {"id": "2"}]),
            "entry 2: '2': a label in some rows only",
        ),
        (dict(labels=["a"]), "labels.json: expected an object"),
        (dict(labels={"a": "x"}), "label 'x' of 'a' is no number"),
        (dict(labels={"a": "0", "b": "0"}), "'a' and 'b' both have label 0"),
        (dict(labels={"a": "0", "b": "2"}), "no class has label 1"),
        (dict(train="[" * 100_000), "train.json.*no json"),
    ],
)
def test_v2_entries_that_cannot_be_right(
    tmp_path: Path, values: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DataError, match=problem) as error:
        read_published("sthv2", write_v2(tmp_path, **values))
    assert "\n" not in str(error.value)


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no 'something-something-v1-labels.csv'.*--labels"):
        read_published("sthv1", tmp_path)


@given(st.text(alphabet="ab [],.()'", max_size=30))
def test_classes_lose_brackets_alone(template: str) -> None:
    assert class_of(template) == "".join(c for c in template if c not in "[]")


@settings(deadline=None)  # it writes files
@given(st.binary(max_size=200), st.sampled_from(["labels", "train"]))
def test_whatever_a_file_holds_it_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, word: str
) -> None:
    root = tmp_path_factory.mktemp("fuzz", numbered=True)
    for kind, write, suffix in (
        ("sthv1", write_v1, "v1-{}.csv"),
        ("sthv2", write_v2, "v2-{}.json"),
    ):
        write(root)
        (root / f"something-something-{suffix.format(word)}").write_bytes(data)
        try:
            listing = read_published(kind, root)
        except DataError as error:
            lines = str(error).split("\n")
        else:
            lines = [""]
            for entries in listing.splits.values():
                assert all(e.label is None or e.label < len(listing.classes) for e in entries)
        assert len(lines) == 1
