from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mmaction.datasets.batches import SampleKey
from mmaction.datasets.clip_dataset import MOST_TRIES, RawframeDataset
from mmaction.errors import ConfigError, DataError, TransientError
from mmaction.registry import DATASETS
from tests.frame_fixtures import write_film

PLAIN = [
    {"type": "SampleFrames", "clip_len": 3, "placement": "center"},
    {"type": "DecodeFrames"},
    {"type": "PackClips"},
]
RANDOM = [
    {"type": "SampleSegments", "clip_len": 4},
    {"type": "DecodeFrames"},
    {"type": "RandomResizedCrop", "size": 16},
    {"type": "Flip"},
    {"type": "ColorJitter", "brightness": 0.4, "hue": 0.1},
    {"type": "PackClips"},
]
CLIP = [{"type": "SampleSegments", "clip_len": 2, "placement": "center"}, *PLAIN[1:]]


def build(root: Path, **options: Any) -> RawframeDataset:
    config = dict(
        type="RawframeDataset", ann_file=root / "list.txt", data_root=root, pipeline=PLAIN
    )
    return DATASETS.build(config | options)


def equal(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return torch.equal(first["inputs"], second["inputs"]) and torch.equal(
        first["color"], second["color"]
    )


def test_reads_the_frames_it_says(video_root: Path) -> None:
    dataset = build(video_root)
    assert len(dataset) == 6
    assert dataset.name(4) == "person 2/video4"
    item = dataset[4]
    assert item["inputs"].shape == (1, 3, 48, 64, 3)
    sample = item["sample"]
    assert (sample.index, sample.name, sample.label) == (4, "person 2/video4", 1)
    # 7 frames, the window of 3 in the middle; file names count from 1.
    assert sample.frame_indices.tolist() == [[3, 4, 5]]
    for frame, number in zip(item["inputs"][0], (3, 4, 5), strict=True):
        bgr = cv2.imread(str(video_root / "person 2/video4" / f"img_{number:05d}.jpg"))
        assert np.array_equal(frame.numpy(), bgr[:, :, ::-1])


def test_a_part_of_a_video_is_a_sample_of_its_own(video_root: Path, tmp_path: Path) -> None:
    """Of frames 2 to 6 those in the middle; the file's frames have the brightness 20·i."""
    write_film(tmp_path / "film.mp4", 10, step=20)
    for root, name, kind, first, shown in (
        (video_root, "person 2/video5", "RawframeDataset", 1, (3, 4, 5)),
        (tmp_path, "film.mp4", "VideoDataset", 0, (3, 4, 5)),
    ):
        (tmp_path / "list.txt").write_text(f"{name} 2:7 1\n{name} 0:2 0,2\n")
        dataset = build(root, type=kind, ann_file=tmp_path / "list.txt")
        assert (dataset.name(0), dataset.total_frames(0)) == (f"{name}@2-7", 5)
        item, other = dataset[0], dataset[1]["sample"]
        assert item["sample"].name == f"{name}@2-7"
        assert item["sample"].frame_indices.tolist() == [[first + n for n in shown]]
        assert other.frame_indices.tolist() == [[first, first + 1, first + 1]]
        assert (other.label, other.more_labels) == (0, (2,))
        for frame, number in zip(item["inputs"][0], shown, strict=True):
            [expected] = dataset.source_of(0).frames(name, [number])
            assert np.array_equal(frame.numpy(), expected)
    assert abs(int(item["inputs"][0, 0].float().mean()) - 60) < 6


def test_random_numbers_depend_on_index_epoch_and_seed_only(video_root: Path) -> None:
    dataset = build(video_root, pipeline=RANDOM)
    first = dataset[SampleKey(2, 5, 7)]
    for other in (SampleKey(3, 5, 7), SampleKey(2, 6, 7), SampleKey(2, 5, 8)):
        assert not equal(dataset[other], first)
    again = pickle.loads(pickle.dumps(dataset))
    np.random.seed(99)
    assert equal(again[SampleKey(2, 5, 7)], first)
    assert equal(dataset[2], dataset[SampleKey(2, 0, 0)])
    assert equal(dataset[np.int64(2)], dataset[2])


def test_every_frame_of_a_sample_is_cropped_alike(
    tmp_path: Path, write_frames: Callable[..., Path]
) -> None:
    directory = write_frames(tmp_path / "still", 1)
    first = directory / "img_00001.jpg"
    for number in range(2, 9):
        (directory / f"img_{number:05d}.jpg").write_bytes(first.read_bytes())
    (tmp_path / "list.txt").write_text("still 8\n")
    sample = {"type": "SampleSegments", "clip_len": 4, "num_clips": 2}
    inputs = build(tmp_path, pipeline=[sample, *RANDOM[1:]])[0]["inputs"]
    assert (inputs == inputs[:1, :1]).all()


def test_iterates_once(video_root: Path) -> None:
    dataset = build(video_root)
    assert [item["sample"].index for item in dataset] == [0, 1, 2, 3, 4, 5]  # type: ignore[attr-defined]
    with pytest.raises(IndexError, match="video 6 of 6"):
        dataset[6]


def test_lists_without_labels_serve_prediction(video_root: Path, tmp_path: Path) -> None:
    (tmp_path / "predict.txt").write_text("person 0/video1 4\n")
    dataset = build(video_root, ann_file=str(tmp_path / "predict.txt"), num_classes=3)
    assert dataset[0]["sample"].label is None
    assert dataset.labels.tolist() == [-1]
    assert dataset.classes is None


def test_what_of_the_lists_is_taken_and_what_classes_are_called(video_root: Path) -> None:
    dataset = build(video_root, include="person 1/*", exclude="*/video3")
    assert [dataset.name(i) for i in range(len(dataset))] == ["person 1/video2"]
    assert dataset.metainfo == {"classes": ("bend", "jack", "wave")}
    named = build(video_root, classes=["a", "b", "c"])
    assert (named.classes, named.num_classes) == (("a", "b", "c"), 3)


def test_a_built_in_flip_goes_by_the_classes_of_the_list(video_root: Path) -> None:
    names = ["rotate_clockwise", "move_right", "move_left", "rotate_counter_clockwise"]
    swapped = build(video_root, **flipped("motion_shapes"), classes=names)
    plain = build(video_root, pipeline=PLAIN, classes=names)
    expected = {0: 3, 1: 2, 2: 1, 3: 0}
    for index in range(len(plain)):
        assert swapped[index]["sample"].label == expected[plain[index]["sample"].label]


def test_classes_that_mirror_each_other_and_a_flip_without_a_map_are_warned_of(
    video_root: Path,
) -> None:
    with pytest.warns(UserWarning, match=r"turns class 'kick left' into 'kick right', and Flip h"):
        build(video_root, **flipped(None), classes=["kick left", "stand", "kick right"])


def test_a_root_without_the_videos_is_refused_when_built(video_root: Path) -> None:
    with pytest.raises(DataError, match=r"frame directory '.*' does not exist"):
        build(video_root, data_root=video_root / "person 0")


@pytest.fixture
def lists(tmp_path: Path, write_frames: Any) -> Path:
    """Two roots with a list each: three videos a, b, c of class 0, 1, 0; two of classes 1 and 1."""
    for part, names in (("first", "abc"), ("second", "ab")):
        for number, name in enumerate(names):
            write_frames(tmp_path / part / name, 2, width=8, height=6, seed=number + len(names))
    (tmp_path / "first.txt").write_text("a 2 0\nb 2 1\nc 2 0\n")
    (tmp_path / "second.txt").write_text("a 2 1\nb 2 1\n")
    return tmp_path


def first(lists: Path, **options: Any) -> RawframeDataset:
    own = dict(ann_file=lists / "first.txt", data_root=lists / "first", pipeline=CLIP)
    return build(lists, **own | options)


def both(lists: Path, **options: Any) -> RawframeDataset:
    parts = ("first", "second")
    files, roots = [lists / f"{part}.txt" for part in parts], [lists / part for part in parts]
    return build(lists, ann_file=files, data_root=roots, pipeline=CLIP, **options)


def test_several_lists_with_a_root_each(lists: Path) -> None:
    dataset = both(lists)
    assert [dataset.name(i) for i in range(len(dataset))] == ["a", "b", "c", "a", "b"]
    assert dataset.labels.dtype == np.int64
    assert dataset.labels.tolist() == [0, 1, 0, 1, 1]
    alone = first(lists, ann_file=lists / "second.txt", data_root=lists / "second")
    for index in range(2):
        assert torch.equal(dataset[3 + index]["inputs"], alone[index]["inputs"])
        assert dataset[3 + index]["sample"].index == 3 + index, "scores are gathered by index"
    assert not torch.equal(dataset[0]["inputs"], dataset[3]["inputs"])


def test_one_root_for_several_lists(lists: Path) -> None:
    (lists / "more.txt").write_text("b 2 0\n")
    dataset = first(lists, ann_file=[lists / "first.txt", lists / "more.txt"])
    assert torch.equal(dataset[3]["inputs"], dataset[1]["inputs"])


def test_repeats_each_list_as_often_as_asked(lists: Path) -> None:
    dataset = both(lists, repeat=[1, 3])
    assert Counter(dataset.source_of(i).path(dataset.name(i), 0) for i in range(len(dataset))) == {
        str(lists / part / name / "img_00001.jpg"): times
        for part, names, times in (("first", "abc", 1), ("second", "ab", 3))
        for name in names
    }
    assert len(first(lists, repeat=4)) == 12
    assert first(lists, repeat=4).annotations.where(3).endswith("first.txt:1")


def test_repeated_videos_are_drawn_anew(lists: Path) -> None:
    crops = [*CLIP[:2], {"type": "RandomResizedCrop", "size": 4}, *CLIP[2:]]
    dataset = first(lists, repeat=2, pipeline=crops)
    assert dataset.name(0) == dataset.name(1)
    assert not torch.equal(dataset[0]["inputs"], dataset[1]["inputs"])


def flipped(label_map: object) -> dict[str, Any]:
    return dict(pipeline=[*PLAIN[:2], dict(type="Flip", prob=1.0, label_map=label_map), PLAIN[2]])


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (ConfigError, {"repeat": 0}, "repeat=0: expected a whole number, 1 or more"),
        (ConfigError, {"repeat": [1, 2]}, "repeat: 2 for 1 annotation files"),
        (ConfigError, {"data_root": ["a", "b", "c"]}, "data_root: 3 for 1 annotation files"),
        (ConfigError, {"on_error": "skip"}, "on_error='skip': expected one of raise, resample"),
        (ConfigError, {"max_bad_fraction": 1.5}, r"max_bad_fraction=1.5: expected a share in \[0"),
        (ConfigError, {"num_classes": 5}, r"num_classes=5, but there are 3 class names \('bend', "),
        (DataError, {"classes": ["a", "b"]}, r"list.txt:3: label 2 .* does not fit num_classes=2"),
        (ConfigError, flipped({0: 3}), r"label_map names class 3, but .* has 3 classes"),
        (ConfigError, flipped("motion_shapes"), r"no class is called 'move_left'"),
        (
            DataError,
            {"image_tmpl": "{:05d}.jpg"},
            r"no frame fits .* holds img_00001.jpg, img_0000",
        ),
        (DataError, {"start_index": 0}, r"'img_00000.jpg' for start_index=0"),
        (DataError, {"data_root": "nowhere"}, r"data_root 'nowhere' is not a directory"),
    ],
)
def test_options_that_cannot_be_right(
    kind: type, options: dict[str, Any], message: str, video_root: Path
) -> None:
    with pytest.raises(kind, match=message):
        build(video_root, **options)


def test_another_video_is_taken_with_its_own_label_and_the_bad_one_named(lists: Path) -> None:
    (lists / "first" / "b" / "img_00002.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"b/img_00002.jpg' is empty \(zero bytes\)"):
        first(lists)[1]
    dataset = first(lists, on_error="resample")
    good = {name: first(lists)[index] for name, index in (("a", 0), ("c", 2))}
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


def test_what_may_pass_makes_no_bad_video(lists: Path) -> None:
    """A failing disk: another video in its place would be trained on unasked."""
    frame = lists / "first" / "b" / "img_00002.jpg"
    frame.unlink()
    frame.symlink_to("/proc/self/mem")  # a file whose first byte can't be read
    with pytest.raises(TransientError, match=r"img_00002\.jpg' can't be read: Input/output"):
        first(lists, on_error="resample")[1]


def test_it_does_not_try_for_ever(lists: Path) -> None:
    dataset = first(lists, on_error="resample")
    for frame in lists.glob("first/*/*.jpg"):
        frame.unlink()
    with pytest.raises(DataError, match=rf"^{MOST_TRIES} videos tried in a row can't be read, the"):
        dataset[0]


@pytest.fixture
def video_files(tmp_path: Path) -> Path:
    """``a b.mp4`` of 11 grey frames, brightness 20·i."""
    write_film(tmp_path / "a b.mp4", 11, step=20)
    return tmp_path


def of_files(root: Path) -> Any:
    window = dict(type="SampleFrames", clip_len=3, frame_interval=2, placement="center")
    steps = [window, PLAIN[1], dict(type="Resize", size=16), PLAIN[2]]
    return build(root, type="VideoDataset", pipeline=steps)


@pytest.mark.parametrize("line", ["a b.mp4 11 1", "a b.mp4 1", "a b.mp4,1"])
def test_samples_of_video_files_are_those_of_frames(video_files: Path, line: str) -> None:
    """A file knows its length, whether the list names it or not."""
    (video_files / "list.txt").write_text(f"{line}\n")
    item = of_files(video_files)[0]
    assert item["inputs"].shape == (1, 3, 16, 16, 3)
    # The window of frames 3, 5, 7 lies in the middle of 11; positions count from 0.
    assert item["sample"].frame_indices.tolist() == [[3, 5, 7]]
    levels = item["inputs"].double().mean(dim=(0, 2, 3, 4))
    assert np.allclose(levels, [60, 100, 140], atol=3)
    assert (item["sample"].name, item["sample"].label) == ("a b.mp4", 1)
