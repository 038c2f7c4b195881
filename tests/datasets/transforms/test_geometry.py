from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.datasets.transforms.geometry import View, render_view


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
    composed = (
        view.left + in_box * view.box_width / view.width,
        view.top + y * view.box_height / view.height,
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

    left, top, right, bottom = view.region()
    assert 0 <= left < right <= frame.width
    assert 0 <= top < bottom <= frame.height
    assert abs(left - view.left) <= 1
    assert abs(bottom - view.top - view.box_height) <= 1


def render(frame: np.ndarray, view: View) -> np.ndarray:
    out = np.empty((view.height, view.width, 3), np.uint8)
    render_view(frame, view, out, cv2.INTER_LINEAR)
    return out


@pytest.mark.parametrize("width", [31, 32, 65])
def test_whole_box_and_plain_crop_are_exact(width: int) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (40, 70, 3), dtype=np.uint8)
    whole = View.whole(70, 40)
    assert np.array_equal(render(frame, whole), frame)
    assert np.array_equal(render(frame, whole.flip()), frame[:, ::-1])
    crop = whole.crop(3, 5, width, 20)
    assert np.array_equal(render(frame, crop), frame[5:25, 3 : 3 + width])
    assert np.array_equal(render(frame, crop.flip()), frame[5:25, 3 : 3 + width][:, ::-1])
    # Flipped first, the crop is taken from the mirror image.
    flipped = whole.flip().crop(3, 5, width, 20)
    assert np.array_equal(render(frame, flipped), frame[:, ::-1][5:25, 3 : 3 + width])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_pixels_equal_resize_crop_flip_done_literally(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 99))
    blotches = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    frame = cv2.resize(blotches, (170, 128), interpolation=cv2.INTER_CUBIC)
    scaled_width, scaled_height = data.draw(st.integers(80, 300)), data.draw(st.integers(80, 300))
    left, top = data.draw(st.integers(0, 30)), data.draw(st.integers(0, 30))
    flip = data.draw(st.booleans())

    literal = cv2.resize(frame, (scaled_width, scaled_height))[top : top + 50, left : left + 50]
    view = View.whole(170, 128).resize(scaled_width, scaled_height).crop(left, top, 50, 50)
    if flip:
        literal, view = literal[:, ::-1], view.flip()
    difference = np.abs(render(frame, view).astype(int) - literal)
    # Rounding the box moves pixels by less than one source pixel; blotches are 34 pixels wide.
    slope = max(np.abs(np.diff(frame.astype(int), axis=axis)).max() for axis in (0, 1))
    assert difference.mean() <= slope
    assert difference.max() <= 2 * slope + 2


def test_tiny_boxes_keep_a_pixel() -> None:
    view = View.whole(3, 3).resize(300, 300).crop(299, 0, 1, 1)
    assert view.region() == (2, 0, 3, 1)
