from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.datasets.transforms.geometry import Flip, Resize, Strip, View
from mmaction.datasets.transforms.pixels import PackClips
from mmaction.errors import ConfigError

MakeResults = Callable[..., dict[str, Any]]


@st.composite
def chains(draw: st.DrawFn) -> tuple[View, list[tuple[str, tuple[int, ...]]]]:
    """A frame and steps that can be taken one after another, crops fitting."""
    width, height = draw(st.integers(1, 400)), draw(st.integers(1, 300))
    frame = View.whole(width, height)
    steps: list[tuple[str, tuple[int, ...]]] = []
    for kind in draw(st.lists(st.sampled_from(["resize", "crop", "flip"]), max_size=6)):
        if kind == "resize":
            width, height = draw(st.integers(1, 400)), draw(st.integers(1, 300))
            steps.append((kind, (width, height)))
        elif kind == "crop":
            box_width, box_height = draw(st.integers(1, width)), draw(st.integers(1, height))
            left = draw(st.integers(0, width - box_width))
            top = draw(st.integers(0, height - box_height))
            width, height = box_width, box_height
            steps.append((kind, (left, top, width, height)))
        else:
            steps.append((kind, ()))
    return frame, steps


@settings(max_examples=300, deadline=None)
@given(chains(), st.floats(0, 1), st.floats(0, 1))
def test_composing_equals_tracing_each_step_back(
    chain: tuple[View, list[tuple[str, tuple[int, ...]]]], across: float, down: float
) -> None:
    frame, steps = chain
    view, sizes = frame, [(frame.width, frame.height)]
    for kind, arguments in steps:
        view = getattr(view, kind)(*arguments)
        sizes.append((view.width, view.height))

    # Follow a point of the output back through the steps, to where it lies in the frame.
    x, y = across * view.width, down * view.height
    in_box = view.width - x if view.flipped else x
    box_left, box_top, box_width, box_height = view.box
    composed = (
        box_left + in_box * box_width / view.width,
        box_top + y * box_height / view.height,
    )
    for (kind, arguments), (width, height), after in zip(
        reversed(steps), reversed(sizes[:-1]), reversed(sizes[1:]), strict=True
    ):
        if kind == "resize":
            x, y = x * width / after[0], y * height / after[1]
        elif kind == "crop":
            x, y = x + arguments[0], y + arguments[1]
        else:
            x = width - x
    assert composed == pytest.approx((x, y), abs=1e-6)

    sides = (frame.width, view.width, box_left), (frame.height, view.height, box_top)
    for strip, (side, shown, start) in zip(view.strips, sides, strict=True):
        assert 0 <= strip.first < strip.last <= side
        assert 0 <= strip.skip <= strip.length - shown
        # The first pixel shown begins where the box does, but for the rounding of what was cut.
        begins = strip.first + strip.skip * (strip.last - strip.first) / strip.length
        assert abs(begins - start) <= 1


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
    assert view.box == (0, 0, 64, 48)
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
