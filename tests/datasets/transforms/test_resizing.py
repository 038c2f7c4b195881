from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mmaction.datasets.transforms.color import ColorJitter
from mmaction.datasets.transforms.crops import CenterCrop, ThreeCrop
from mmaction.datasets.transforms.resizing import Flip, PackClips, Resize
from mmaction.errors import ConfigError

MakeResults = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("options", "width", "height"),
    [
        ({"short_side": 24}, 32, 24),
        ({"short_side": 100}, 133, 100),
        ({"size": 20}, 20, 20),
        ({"size": (10, 30)}, 30, 10),
        ({"size": [10, 30]}, 30, 10),
    ],
)
def test_resize(
    make_results: MakeResults, options: dict[str, Any], width: int, height: int
) -> None:
    results = Resize(**options)(make_results(width=64, height=48))
    [view] = results["views"]
    assert (view.width, view.height) == (width, height)
    assert view.region() == (0, 0, 64, 48)
    assert PackClips()(results)["inputs"].shape == (1, 3, height, width, 3)


def test_resize_of_an_upright_frame(make_results: MakeResults) -> None:
    [view] = Resize(short_side=24)(make_results(width=48, height=64))["views"]
    assert (view.width, view.height) == (24, 32)


def test_flip_is_horizontal_and_swaps_the_label(make_results: MakeResults) -> None:
    results = make_results(label=3)
    item = PackClips()(Flip(prob=1, label_map={3: 5})(results))
    assert np.array_equal(item["inputs"][0].numpy(), results["frames"][:, :, ::-1])
    assert item["sample"].label == 5


@pytest.mark.parametrize(("label", "swapped"), [(5, 3), (4, 4), (None, None)])
def test_flip_leaves_other_labels(
    make_results: MakeResults, label: int | None, swapped: int | None
) -> None:
    assert Flip(prob=1, label_map={3: 5})(make_results(label=label))["label"] == swapped


def test_flip_is_as_frequent_as_said(make_results: MakeResults) -> None:
    flip, results = Flip(prob=0.3, label_map={0: 1}), make_results()
    flips = 0
    for _ in range(1000):
        before = results["views"][0].flipped, results["label"]
        results = flip(results)
        after = results["views"][0].flipped, results["label"]
        assert (before[0] == after[0]) == (before[1] == after[1])
        flips += before != after
    assert abs(flips - 300) < 75  # 5 standard deviations


def test_pack_makes_the_item(make_results: MakeResults) -> None:
    results = make_results(frames=3, label=2)
    results["frame_indices"] = np.array([[0, 0, 4], [4, 9, 9]])
    results["frame_slots"] = np.array([[0, 0, 1], [1, 2, 2]])
    item = PackClips()(results)
    assert set(item) == {"inputs", "color", "sample"}
    assert item["inputs"].dtype == torch.uint8
    assert np.array_equal(item["inputs"].numpy(), results["frames"][[[0, 0, 1], [1, 2, 2]]])
    assert item["color"].dtype == torch.float32
    assert torch.equal(item["color"], torch.eye(3, 4))
    sample = item["sample"]
    assert (sample.index, sample.name, sample.label) == (7, "person/video", 2)
    # Numbers as in the file names, which start at 1 here.
    assert sample.frame_indices.tolist() == [[1, 1, 5], [5, 10, 10]]


def test_views_are_ordered_clip_by_clip(make_results: MakeResults) -> None:
    results = make_results(width=70, height=40, frames=4)
    results["frame_indices"] = results["frame_slots"] = np.array([[0, 1], [2, 3]])
    item = PackClips()(ThreeCrop(size=40)(results))
    expected = [
        results["frames"][clip, :, left : left + 40]
        for clip in ([0, 1], [2, 3])
        for left in (0, 15, 30)
    ]
    assert np.array_equal(item["inputs"].numpy(), np.stack(expected))
    assert item["sample"].frame_indices.tolist() == [[1, 2]] * 3 + [[3, 4]] * 3


def test_pack_hands_the_colour_map_on(make_results: MakeResults) -> None:
    results = ColorJitter(brightness=0.5, hue=0.1)(make_results())
    item = PackClips()(results)
    assert np.array_equal(item["color"].numpy(), results["color"])
    assert np.array_equal(item["inputs"][0].numpy(), results["frames"])


@pytest.mark.parametrize("interpolation", ["bilinear", "area"])
def test_one_pass_equals_resize_then_crop_then_flip(
    make_results: MakeResults, interpolation: str
) -> None:
    constant = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}[interpolation]
    results = make_results(width=340, height=256)
    item = PackClips(interpolation=interpolation)(
        Flip(prob=1)(CenterCrop(size=112)(Resize(short_side=128)(results)))
    )
    # The short side is halved, so the box of the crop is whole: 224 source pixels.
    for frame, packed in zip(results["frames"], item["inputs"][0].numpy(), strict=True):
        small = cv2.resize(frame, (170, 128), interpolation=constant)
        assert np.array_equal(packed, small[8:120, 29:141][:, ::-1])


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        (Resize, {}, "either short_side or size"),
        (Resize, {"short_side": 8, "size": 8}, "either short_side or size"),
        (Resize, {"short_side": 0}, "short_side=0"),
        (Resize, {"size": (8, 0)}, r"Resize: size=\(8, 0\)"),
        (Flip, {"prob": 2}, r"Flip: prob=2; it lies in \[0, 1\]"),
        (PackClips, {"interpolation": "cubic"}, "'cubic'; one of bilinear, area"),
    ],
)
def test_wrong_settings_are_named(kind: type, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        kind(**options)
