"""The published files of Something-Something, small, in their real format and with real classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.dataprep.listing import Listing
from mmaction.dataprep.published import read_published
from mmaction.dataprep.something import class_of
from mmaction.errors import DataError

V1 = {
    "labels": "Holding something\nPushing something from left to right\n"
    "Lifting up one end of something, then letting it drop down\n",
    "train": "100218;Lifting up one end of something, then letting it drop down\n"
    "24413;Holding something\n",
    "validation": "74225;Pushing something from left to right\n",
    "test": "1420\n42326\n",
}


def v2_video(name: str, template: str, *things: str) -> dict[str, Any]:
    """A video as V2's json has it, its label with the things in the placeholders' place."""
    label = template
    for thing in things:
        label = label.replace("[something]", thing, 1)
    return {"id": name, "label": label.lower(), "template": template, "placeholders": [*things]}


V2: dict[str, Any] = {
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


def published(kind: str, root: Path, **changed: Any) -> Path:
    """The published files of a kind, some of them changed; values that are no text become json."""
    version, suffix = {"sthv1": ("v1", "csv"), "sthv2": ("v2", "json")}[kind]
    for word, value in {**(V1 if kind == "sthv1" else V2), **changed}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        (root / f"something-something-{version}-{word}.{suffix}").write_text(text)
    return root


def labels_of(listing: Listing) -> dict[str, list[tuple[str, int | None]]]:
    return {s: [(e.name, e.label) for e in entries] for s, entries in listing.splits.items()}


def test_v1(tmp_path: Path) -> None:
    listing = read_published("sthv1", published("sthv1", tmp_path))
    assert list(listing.classes) == V1["labels"].splitlines()
    assert labels_of(listing) == {
        "train": [("100218", 2), ("24413", 0)],
        "val": [("74225", 1)],
        "test": [("1420", None), ("42326", None)],
    }
    assert listing.splits["train"][1].where == f"{tmp_path}/something-something-v1-train.csv:2"
    assert (listing.published["train"], listing.published["val"]) == (86_017, 11_522)


def test_v2(tmp_path: Path) -> None:
    listing = read_published("sthv2", published("sthv2", tmp_path))
    assert listing.classes == [
        "Holding something next to something",
        "Putting something on a surface",
        "Stacking number of something",
    ]
    assert labels_of(listing) == {
        "train": [("78687", 0), ("42326", 2)],
        "val": [("74225", 1)],
        "test": [("1420", None), ("3000", None)],
    }
    assert (listing.published["train"], listing.published["val"]) == (168_913, 24_777)


def test_files_by_other_names_and_without_some(tmp_path: Path) -> None:
    published("sthv2", tmp_path)
    for path in tmp_path.iterdir():  # as the newer downloads call them
        path.rename(tmp_path / path.name.removeprefix("something-something-v2-"))
    assert list(read_published("sthv2", tmp_path).splits) == ["train", "val", "test"]
    (tmp_path / "validation.json").unlink()
    (tmp_path / "labels.json").rename(tmp_path / "mine.json")
    listing = read_published("sthv2", tmp_path, labels=str(tmp_path / "mine.json"))
    assert list(listing.splits) == ["train", "test"]


@pytest.mark.parametrize(
    ("kind", "changed", "problem"),
    [
        ("sthv1", dict(train="1;Holding something\n2,x\n"), "csv:2: '2,x': a label in some rows"),
        ("sthv1", dict(train="1;Holding something\n\n2;\n"), "csv:3: '2;' is no 'id;class'"),
        ("sthv1", dict(train="1;Dancing\n"), "csv:1: label 'Dancing' is no class of .*labels.csv"),
        ("sthv1", dict(test="1420\n7;Holding something\n"), "csv:2: '7': a label in some rows"),
        ("sthv1", dict(train="1;Dancing\n1;Dancing\n"), "csv:2: '1' is also .*csv:1"),
        ("sthv1", dict(labels="a\nb\na\n"), "labels.csv: class 'a' is there twice"),
        ("sthv1", dict(labels="\n"), "labels.csv: no class is named"),
        ("sthv2", dict(train='[{"id": "1"'), r"train.json:1: no json at column \d+"),
        ("sthv2", dict(train={"id": "1"}), "train.json: expected a list of videos"),
        ("sthv2", dict(train=["1"]), "train.json: entry 1: expected an object"),
        ("sthv2", dict(train=[{"template": "x"}]), "train.json: entry 1: 'id' is None"),
        ("sthv2", dict(train=[{"id": "1", "template": 3}]), "'template' is 3, expected a text"),
        ("sthv2", dict(train=[{"id": "1", "template": "[A] hat"}]), "'A hat' is no class"),
        ("sthv2", dict(train=[*V2["train"], {"id": "2"}]), "entry 3: '2': a label in some rows"),
        ("sthv2", dict(labels=["a"]), "labels.json: expected an object"),
        ("sthv2", dict(labels={"a": "x"}), "label 'x' of 'a' is no number"),
        ("sthv2", dict(labels={"a": "0", "b": "0"}), "'a' and 'b' both have label 0"),
        ("sthv2", dict(labels={"a": "0", "b": "2"}), "no class has label 1"),
        ("sthv2", dict(train="[" * 100_000), "train.json.*no json"),
    ],
)
def test_files_that_cannot_be_right(
    tmp_path: Path, kind: str, changed: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DataError, match=problem) as error:
        read_published(kind, published(kind, tmp_path, **changed))
    assert "\n" not in str(error.value)


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no 'something-something-v1-labels.csv'.*--labels"):
        read_published("sthv1", tmp_path)


@given(st.text(alphabet="ab [],.()'", max_size=30))
def test_classes_lose_brackets_alone(template: str) -> None:
    assert class_of(template) == "".join(c for c in template if c not in "[]")


@pytest.mark.parametrize(("kind", "suffix"), [("sthv1", "v1-{}.csv"), ("sthv2", "v2-{}.json")])
@settings(deadline=None)  # it writes files
@given(data=st.binary(max_size=200), word=st.sampled_from(["labels", "train"]))
def test_whatever_a_file_holds_it_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, kind: str, suffix: str, data: bytes, word: str
) -> None:
    root = published(kind, tmp_path_factory.mktemp("fuzz", numbered=True))
    (root / f"something-something-{suffix.format(word)}").write_bytes(data)
    message = ""
    try:
        listing = read_published(kind, root)
    except DataError as error:
        message = str(error)
    else:
        for entries in listing.splits.values():
            assert all(e.label is None or e.label < len(listing.classes) for e in entries)
    assert "\n" not in message
