from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mmaction.datasets.batches import SampleKey
from mmaction.datasets.clip_dataset import MOST_TRIES, RawframeDataset
from mmaction.errors import ConfigError, DataError

PIPELINE = [
    {"type": "SampleSegments", "clip_len": 2, "placement": "center"},
    {"type": "DecodeFrames"},
    {"type": "PackClips"},
]


@pytest.fixture
def root(tmp_path: Path, write_frames: Any) -> Path:
    """Two roots with a list each: three videos a, b, c of class 0, 1, 0; two of classes 1 and 1."""
    for part, names in (("first", "abc"), ("second", "ab")):
        for number, name in enumerate(names):
            write_frames(tmp_path / part / name, 2, width=8, height=6, seed=number + len(names))
    (tmp_path / "first.txt").write_text("a 2 0\nb 2 1\nc 2 0\n")
    (tmp_path / "second.txt").write_text("a 2 1\nb 2 1\n")
    return tmp_path


def build(root: Path, **options: Any) -> RawframeDataset:
    defaults = dict(ann_file=root / "first.txt", data_root=root / "first", pipeline=PIPELINE)
    return RawframeDataset(**{**defaults, **options})


def both(root: Path, **options: Any) -> RawframeDataset:
    return build(
        root,
        ann_file=[root / "first.txt", root / "second.txt"],
        data_root=[root / "first", root / "second"],
        **options,
    )


def test_several_lists_with_a_root_each(root: Path) -> None:
    dataset = both(root)
    assert [dataset.name(i) for i in range(len(dataset))] == ["a", "b", "c", "a", "b"]
    assert dataset.labels.tolist() == [0, 1, 0, 1, 1]
    alone = build(root, ann_file=root / "second.txt", data_root=root / "second")
    for index in range(2):
        assert torch.equal(dataset[3 + index]["inputs"], alone[index]["inputs"])
        assert dataset[3 + index]["sample"].index == 3 + index, "scores are gathered by index"
    assert not torch.equal(dataset[0]["inputs"], dataset[3]["inputs"])


def test_one_root_for_several_lists(root: Path) -> None:
    (root / "more.txt").write_text("b 2 0\n")
    dataset = build(root, ann_file=[root / "first.txt", root / "more.txt"])
    assert torch.equal(dataset[3]["inputs"], dataset[1]["inputs"])


def test_repeats_each_list_as_often_as_asked(root: Path) -> None:
    dataset = both(root, repeat=[1, 3])
    assert Counter(dataset.source_of(i).path(dataset.name(i), 0) for i in range(len(dataset))) == {
        str(root / part / name / "img_00001.jpg"): times
        for part, names, times in (("first", "abc", 1), ("second", "ab", 3))
        for name in names
    }
    assert len(build(root, repeat=4)) == 12
    assert build(root, repeat=4).annotations.where(3).endswith("first.txt:1")


def test_repeated_videos_are_drawn_anew(root: Path) -> None:
    crops = [*PIPELINE[:2], {"type": "RandomResizedCrop", "size": 4}, *PIPELINE[2:]]
    dataset = build(root, repeat=2, pipeline=crops)
    assert dataset.name(0) == dataset.name(1)
    assert not torch.equal(dataset[0]["inputs"], dataset[1]["inputs"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeat": 0}, "repeat=0: expected a whole number, 1 or more"),
        ({"repeat": [1, 2]}, "repeat: 2 for 1 annotation files"),
        ({"data_root": ["a", "b", "c"]}, "data_root: 3 for 1 annotation files"),
        ({"on_error": "skip"}, "on_error='skip': expected one of raise, resample"),
        ({"max_bad_fraction": 1.5}, r"max_bad_fraction=1.5: expected a share in \[0, 1\]"),
    ],
)
def test_options_that_cannot_be_right(root: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(root, **options)


def test_a_bad_frame_ends_it_unless_asked_otherwise(root: Path) -> None:
    (root / "first" / "b" / "img_00002.jpg").write_bytes(b"")
    dataset = build(root)
    assert dataset[0]["sample"].replaces == ()
    with pytest.raises(DataError, match=r"b/img_00002.jpg' is empty \(zero bytes\)"):
        dataset[1]


def test_another_video_is_taken_with_its_own_label_and_the_bad_one_named(root: Path) -> None:
    (root / "first" / "b" / "img_00002.jpg").write_bytes(b"")
    dataset = build(root, on_error="resample")
    good = {name: build(root)[index] for name, index in (("a", 0), ("c", 2))}
    taken = set()
    for epoch in range(20):
        key = SampleKey(1, epoch, seed=5)
        item = dataset[key]
        sample = item["sample"]
        assert torch.equal(item["inputs"], good[sample.name]["inputs"])
        assert (sample.label, sample.index) == (0, {"a": 0, "c": 2}[sample.name])
        [*_, last] = sample.replaces
        assert last.name == "b"
        assert "b/img_00002.jpg' is empty" in last.reason
        assert dataset[key]["sample"].name == sample.name, "follows from the key alone"
        taken.add(sample.name)
    assert taken == {"a", "c"}
    assert dataset[0]["sample"].replaces == ()


def test_it_does_not_try_for_ever(root: Path) -> None:
    dataset = build(root, on_error="resample")
    for frame in root.glob("first/*/*.jpg"):
        frame.unlink()
    with pytest.raises(DataError, match=rf"^{MOST_TRIES} videos tried in a row can't be read, the"):
        dataset[0]


def test_labels_are_what_the_lines_say(root: Path) -> None:
    assert both(root).labels.dtype == np.int64
    (root / "plain.txt").write_text("a 2\nb 2\n")
    assert build(root, ann_file=root / "plain.txt").labels.tolist() == [-1, -1]
