from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mmaction.datasets.batches import SampleKey
from mmaction.datasets.clip_dataset import RawframeDataset
from mmaction.errors import ConfigError, DataError
from mmaction.registry import DATASETS

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
WEIZMANN = Path(__file__).parents[3] / "shared" / "weizmann4"


def build(root: Path, **options: Any) -> RawframeDataset:
    config = {
        "type": "RawframeDataset",
        "ann_file": str(root / "list.txt"),
        "data_root": str(root),
        "pipeline": PLAIN,
    }
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
    assert dataset.classes is None


def test_leaves_a_person_out(video_root: Path) -> None:
    train = build(video_root, exclude="person 1/*")
    val = build(video_root, include="person 1/*")
    assert [train.name(i) for i in range(len(train))] == [
        f"person {video // 2}/video{video}" for video in (0, 1, 4, 5)
    ]
    assert [val.name(i) for i in range(len(val))] == ["person 1/video2", "person 1/video3"]


def test_classes(video_root: Path, tmp_path: Path) -> None:
    assert build(video_root).classes == ("bend", "jack", "wave")
    assert build(video_root).metainfo == {"classes": ("bend", "jack", "wave")}
    assert build(video_root, classes=["a", "b", "c"]).classes == ("a", "b", "c")
    (tmp_path / "names.txt").write_text("\ufeffone\r\ntwo words\r\nthree\r\n\r\n")
    dataset = build(video_root, classes=str(tmp_path / "names.txt"))
    assert dataset.classes == ("one", "two words", "three")
    assert dataset.num_classes == 3
    with pytest.raises(ConfigError, match=r"num_classes=5, but there are 3 class names \('bend', "):
        build(video_root, num_classes=5)


def test_label_beyond_the_classes_is_refused_when_built(video_root: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("person 0/video0 3 0\nperson 0/video1 4 3\n")
    with pytest.raises(DataError, match=r"list.txt:2: label 3 .* does not fit num_classes=3"):
        build(video_root, ann_file=str(tmp_path / "list.txt"), num_classes=3)
    flip = {"type": "Flip", "label_map": {0: 3}}
    with pytest.raises(ConfigError, match=r"label_map names class 3, but .* has 3 classes"):
        build(video_root, pipeline=[*PLAIN[:2], flip, *PLAIN[2:]])


def test_a_built_in_flip_goes_by_the_classes_of_the_list(video_root: Path) -> None:
    flip = {"type": "Flip", "prob": 1.0, "label_map": "motion_shapes"}
    steps = [*PLAIN[:2], flip, *PLAIN[2:]]
    names = ["rotate_clockwise", "move_right", "move_left", "rotate_counter_clockwise"]
    swapped = build(video_root, pipeline=steps, classes=names)
    plain = build(video_root, pipeline=PLAIN, classes=names)
    expected = {0: 3, 1: 2, 2: 1, 3: 0}
    for index in range(len(plain)):
        assert swapped[index]["sample"].label == expected[plain[index]["sample"].label]
    with pytest.raises(ConfigError, match=r"no class is called 'move_left'"):
        build(video_root, pipeline=steps, classes=["a", "b", "c"])


def test_classes_that_mirror_each_other_and_a_flip_without_a_map_are_warned_of(
    video_root: Path,
) -> None:
    steps = [*PLAIN[:2], {"type": "Flip"}, *PLAIN[2:]]
    with pytest.warns(UserWarning, match=r"turns class 'kick left' into 'kick right', and Flip h"):
        build(video_root, pipeline=steps, classes=["kick left", "stand", "kick right"])


def test_wrong_frame_names_are_refused_when_built(video_root: Path) -> None:
    with pytest.raises(DataError, match=r"no frame fits .* holds img_00001.jpg, img_00002.jpg"):
        build(video_root, image_tmpl="{:05d}.jpg")
    with pytest.raises(DataError, match=r"'img_00000.jpg' for start_index=0"):
        build(video_root, start_index=0)
    with pytest.raises(DataError, match=r"frame directory '.*' does not exist"):
        build(video_root, data_root=str(video_root / "person 0"))


def test_more_frames_annotated_than_there_are(video_root: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("person 0/video0 30 0\n")
    dataset = build(video_root, ann_file=str(tmp_path / "list.txt"))
    with pytest.raises(DataError, match=r"does not exist; the directory has 3 frames, .*00003.jpg"):
        dataset[0]


@pytest.mark.skipif(not WEIZMANN.exists(), reason="the weizmann4 data set is not here")
def test_real_actions() -> None:
    dataset = RawframeDataset(
        ann_file=WEIZMANN / "train.txt",
        data_root=WEIZMANN / "frames",
        pipeline=RANDOM,
        exclude="subject1_*",
    )
    assert len(dataset) == 32
    assert dataset.classes == ("bend", "jack", "wave1", "wave2")
    assert dataset[0]["inputs"].shape == (1, 4, 16, 16, 3)
