from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mmaction.datasets.transforms.geometry import Flip, Resize, Strip, View
from mmaction.datasets.transforms.pixels import PackClips
from mmaction.errors import ConfigError

MakeResults = Callable[..., dict[str, Any]]


def test_the_least_part_that_resizes_as_the_whole() -> None:
    """Of 3 pixels made 300, the last: its neighbour counts, which lies within the same pixel."""
    across, down = View.whole(3, 3).resize(300, 300).crop(299, 0, 1, 1).strips
    assert across == Strip(first=2, last=3, length=100, skip=99)
    assert down == Strip(first=0, last=1, length=100, skip=0)
    # 176 to 451 is 16 to 41 eleven times; from 113 on, 224 pixels lie in parts 2 to 8, and one
    # more on either side need not be there: the parts' ends are further away than half a pixel.
    across, _ = View.whole(176, 100).resize(451, 256).crop(113, 16, 224, 224).strips
    assert across == Strip(first=32, last=144, length=287, skip=31)


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
    assert (view.base, view.within) == ((0, 0, 64, 48), None)
    assert PackClips()(results)["inputs"].shape == (1, 3, height, width, 3)


def test_scale_jitter_takes_every_short_side_and_the_same_for_all_views(
    make_results: MakeResults,
) -> None:
    results, shorts = make_results(width=64, height=48), []
    for _ in range(90):
        results["views"] = [View.whole(64, 48), View.whole(64, 48).flip()]
        first, second = Resize(short_side=(24, 26))(results)["views"]
        assert (first.width, first.height) == (second.width, second.height)
        assert first.width == round(first.height * 64 / 48)
        shorts.append(first.height)
    # 30 each are expected; 5 standard deviations are 22.
    assert abs(np.bincount(shorts)[24:] - 30).max() < 22


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


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        (Resize, {}, "either short_side or size"),
        (Resize, {"short_side": 8, "size": 8}, "either short_side or size"),
        (Resize, {"short_side": 0}, "short_side=0"),
        (Resize, {"size": (8, 0)}, r"Resize: size=\(8, 0\)"),
        (Flip, {"prob": 2}, r"Flip: prob=2; it lies in \[0, 1\]"),
    ],
)
def test_wrong_settings_are_named(kind: type, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        kind(**options)


def test_the_region_is_what_the_window_shows() -> None:
    whole = View.whole(200, 100)
    assert whole.region == (0, 0, 200, 100)
    assert whole.crop(20, 10, 50, 40).flip().region == (20, 10, 50, 40)
    half = whole.resize(100, 50)  # two pixels each way become one
    assert half.region == (0, 0, 200, 100)
    assert half.crop(10, 5, 40, 30).region == (20, 10, 80, 60)
    # Of the half-size picture a crop, resized once more: it still shows the same pixels.
    assert half.crop(10, 5, 40, 30).resize(80, 60).region == (20, 10, 80, 60)
    assert half.crop(10, 5, 40, 30).resize(80, 60).crop(40, 30, 20, 15).region == (60, 40, 20, 15)
