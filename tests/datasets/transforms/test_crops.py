from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.datasets.transforms.crops import (
    CenterCrop,
    MultiScaleCrop,
    RandomCrop,
    RandomResizedCrop,
    TenCrop,
    ThreeCrop,
)
from mmaction.datasets.transforms.geometry import View
from mmaction.datasets.transforms.pipeline import Transform
from mmaction.errors import ConfigError, DataError

MakeResults = Callable[..., dict[str, Any]]


def views(transform: Transform, width: int, height: int, seed: int = 0) -> list[View]:
    results = {
        "name": "video",
        "views": [View.whole(width, height)],
        "rng": np.random.default_rng(seed),
    }
    return transform(results)["views"]


def regions(transform: Transform, width: int, height: int, seed: int = 0) -> list[tuple[int, ...]]:
    return [region(view) for view in views(transform, width, height, seed)]


def region(view: View) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what a view shows of the frame."""
    assert view.within is None
    left, top, across, down = view.base
    if view.scaled == (across, down):  # cut, not resized
        left, top, across, down = left + view.x, top + view.y, view.width, view.height
    return left, top, left + across, top + down


def test_center_crop() -> None:
    assert regions(CenterCrop(size=20), 60, 41) == [(20, 10, 40, 30)]
    assert regions(CenterCrop(size=(10, 60)), 60, 40) == [(0, 15, 60, 25)]


def test_random_crop_reaches_every_corner() -> None:
    seen = {regions(RandomCrop(size=20), 22, 21, seed)[0][:2] for seed in range(100)}
    assert seen == {(left, top) for left in (0, 1, 2) for top in (0, 1)}


@pytest.mark.parametrize(
    ("size", "width", "height", "corners"),
    [
        (40, 70, 40, [(0, 0), (30, 0), (15, 0)]),
        (40, 40, 70, [(0, 0), (0, 30), (0, 15)]),
        (20, 60, 40, [(0, 10), (40, 10), (20, 10)]),
        (40, 71, 40, [(0, 0), (30, 0), (15, 0)]),  # mmaction2 goes by 31 // 2 = 15 twice
    ],
)
def test_three_crops_along_the_longer_side(
    size: int, width: int, height: int, corners: list[tuple[int, int]]
) -> None:
    expected = [(left, top, left + size, top + size) for left, top in corners]
    assert regions(ThreeCrop(size=size), width, height) == expected


def test_ten_crops_are_five_and_their_mirror_images() -> None:
    crops = views(TenCrop(size=20), 60, 40)
    corners = [(0, 0), (40, 0), (0, 20), (40, 20), (20, 10)]
    assert [region(view)[:2] for view in crops] == corners * 2
    assert [view.flipped for view in crops] == [False] * 5 + [True] * 5


@pytest.mark.parametrize("kind", [CenterCrop, RandomCrop, ThreeCrop, TenCrop])
def test_crop_larger_than_the_frame_is_named(kind: type) -> None:
    with pytest.raises(
        DataError, match=rf"'video': {kind.__name__} of 50×50 pixels is larger than the 60×40 frame"
    ):
        views(kind(size=50), 60, 40)


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    scale=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted),
    ratio=st.tuples(st.floats(0.2, 5), st.floats(0.2, 5)).map(sorted),
    seed=st.integers(0, 99),
)
def test_random_resized_crop_keeps_to_area_and_shape(
    width: int, height: int, scale: list[float], ratio: list[float], seed: int
) -> None:
    transform = RandomResizedCrop(size=(30, 20), scale=tuple(scale), ratio=tuple(ratio))  # type: ignore[arg-type]
    [view] = views(transform, width, height, seed)
    assert (view.width, view.height) == (20, 30)
    left, top, right, bottom = region(view)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    across, down = right - left, bottom - top
    # Sides are rounded to whole pixels; one pixel stands for whatever is shorter, too.
    assert down == 1 or (across + 1) / (down - 1) >= ratio[0]
    assert (across - 1) / (down + 1) <= ratio[1]
    largest = across == width or down == height  # what is taken where nothing fits
    assert largest or (across - 1) * (down - 1) <= scale[1] * width * height


def test_random_resized_crop_spreads_over_scale_and_ratio() -> None:
    transform = RandomResizedCrop(size=10, scale=(0.2, 0.5))
    sizes = [views(transform, 300, 300, seed)[0].base[2:] for seed in range(500)]
    areas = np.array([width * height for width, height in sizes]) / 300**2
    shapes = np.log([width / height for width, height in sizes])
    # Means of uniform draws; 5 standard errors.
    assert abs(areas.mean() - 0.35) < 5 * 0.3 / math.sqrt(12 * 500)
    assert abs(shapes.mean()) < 5 * 2 * math.log(4 / 3) / math.sqrt(12 * 500)
    assert areas.min() > 0.19
    assert areas.max() < 0.51


def test_random_resized_crop_falls_back_to_the_centre() -> None:
    transform = RandomResizedCrop(size=10, scale=(1.0, 1.0), ratio=(1.0, 1.0))
    assert regions(transform, 60, 40) == [(10, 0, 50, 40)]
    assert regions(transform, 40, 60) == [(0, 10, 40, 50)]


def tsn_boxes(
    width: int, height: int, scales: list[float], max_distort: int
) -> set[tuple[int, ...]]:
    """All boxes by the original's own loops, written out."""
    sizes = [int(min(width, height) * scale) for scale in scales]
    boxes = set()
    for i, box_height in enumerate(sizes):
        for j, box_width in enumerate(sizes):
            if abs(i - j) > max_distort:
                continue
            across, down = (width - box_width) / 4, (height - box_height) / 4
            for x, y in (
                *((0, 0), (4, 0), (0, 4), (4, 4), (2, 2)),
                *((0, 2), (4, 2), (2, 4), (2, 0), (1, 1), (3, 1), (1, 3), (3, 3)),
            ):
                left, top = int(x * across), int(y * down)
                boxes.add((left, top, left + box_width, top + box_height))
    return boxes


def test_multi_scale_crop_takes_all_of_tsn_boxes() -> None:
    scales = [1.0, 0.75, 0.5]
    transform = MultiScaleCrop(size=24, scales=scales)
    seen = {regions(transform, 64, 48, seed)[0] for seed in range(2000)}
    assert seen == tsn_boxes(64, 48, scales, max_distort=1)
    [view] = views(transform, 64, 48)
    assert (view.width, view.height) == (24, 24)


def test_multi_scale_crop_elsewhere() -> None:
    five = MultiScaleCrop(size=8, scales=[0.5], num_positions=5)
    corners = {regions(five, 64, 48, seed)[0][:2] for seed in range(200)}
    assert corners == {(0, 0), (40, 0), (0, 24), (40, 24), (20, 12)}
    anywhere = MultiScaleCrop(size=8, scales=[0.5], num_positions=None)
    assert len({regions(anywhere, 64, 48, seed)[0] for seed in range(200)}) > 100


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        (CenterCrop, {"size": 0}, "CenterCrop: size=0"),
        (TenCrop, {"size": (1, 2, 3)}, "TenCrop: size"),
        (RandomResizedCrop, {"size": 8.5}, "RandomResizedCrop: size=8.5"),
        (RandomResizedCrop, {"size": 8, "scale": (0, 1)}, "scale"),
        (RandomResizedCrop, {"size": 8, "scale": (0.5, 1.5)}, "scale"),
        (RandomResizedCrop, {"size": 8, "ratio": (2, 1)}, "ratio"),
        (MultiScaleCrop, {"size": 8, "scales": ()}, "scales"),
        (MultiScaleCrop, {"size": 8, "scales": (1.2,)}, "scales"),
        (MultiScaleCrop, {"size": 8, "num_positions": 7}, "num_positions=7; 5, 13 or None"),
    ],
)
def test_wrong_settings_are_named(kind: type, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        kind(**options)
