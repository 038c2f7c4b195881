from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.datasets.sources.directory import find_frames
from mmaction.datasets.transforms.color import ColorJitter
from mmaction.datasets.transforms.crops import (
    CenterCrop,
    MultiScaleCrop,
    RandomResizedCrop,
    ThreeCrop,
)
from mmaction.datasets.transforms.geometry import Resize, View
from mmaction.datasets.transforms.pixels import DecodeFrames, PackClips, render_view

MakeResults = Callable[..., dict[str, Any]]


def test_decodes_each_distinct_frame_once_as_rgb(
    tmp_path: Path, write_frames: Callable[..., Path]
) -> None:
    write_frames(tmp_path / "video", 6, width=40, height=30)
    positions = [[4, 1, 1], [5, 4, 0]]
    results = DecodeFrames()(
        {
            "name": "video",
            "source": find_frames(tmp_path, "video"),
            "frame_indices": np.array(positions),
        }
    )
    frames = np.stack([frame.copy() for frame in results["frames"]])
    assert frames.shape == (4, 30, 40, 3)
    assert frames.dtype == np.uint8
    for clip, row in enumerate(positions):
        for time, position in enumerate(row):
            bgr = cv2.imread(str(tmp_path / "video" / f"img_{position + 1:05d}.jpg"))
            frame = frames[results["frame_slots"][clip, time]]
            assert np.array_equal(frame, bgr[:, :, ::-1])
    [view] = results["views"]
    assert (view.width, view.height) == (40, 30)


def test_pack_makes_the_item(make_results: MakeResults) -> None:
    results = make_results(frames=3, label=2)
    results["frame_indices"] = np.array([[0, 0, 4], [4, 9, 9]])
    results["frame_slots"] = np.array([[0, 0, 1], [1, 2, 2]])
    item = PackClips()(results)
    assert set(item) == {"inputs", "color", "sample", "regions"}
    height, width = results["frames"].shape[1:3]
    assert item["regions"] == [(0, 0, width, height)]
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
        for left in (0, 30, 15)
    ]
    assert np.array_equal(item["inputs"].numpy(), np.stack(expected))
    assert item["sample"].frame_indices.tolist() == [[1, 2]] * 3 + [[3, 4]] * 3


def test_pack_hands_the_colour_map_on(make_results: MakeResults) -> None:
    results = ColorJitter(brightness=0.5, hue=0.1)(make_results())
    item = PackClips()(results)
    assert np.array_equal(item["color"].numpy(), results["color"])
    assert np.array_equal(item["inputs"][0].numpy(), results["frames"])


def render(frame: np.ndarray, view: View) -> np.ndarray:
    out = np.empty((view.height, view.width, 3), np.uint8)
    render_view(frame, view, out)
    return out


# Widths and heights of Something-Something V1 and V2, Kinetics, HMDB, UCF, weizmann and phones.
SIZES = [
    *((176, 100), (132, 100), (427, 240), (320, 240), (340, 256)),
    *((178, 144), (240, 320), (180, 144), (1280, 720), (1080, 1920)),
]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_test_crops_are_mmaction2s(width: int, height: int) -> None:
    """Its arithmetic written down: the short side to 256, then whole pixels cut of the result.

    At most one grey level, where a coefficient of cv2's fixed-point arithmetic is rounded.
    """
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    scale = 256 / min(width, height)
    scaled = (int(width * scale + 0.5), int(height * scale + 0.5))
    resized = cv2.resize(frame, scaled, interpolation=cv2.INTER_LINEAR)
    across, down = (scaled[0] - 224) // 2, (scaled[1] - 224) // 2
    view = View.whole(width, height).resize(*scaled)
    [center] = CenterCrop(size=224)._crops(view, np.random.default_rng(0))
    expected = resized[down : down + 224, across : across + 224]
    assert np.abs(render(frame, center).astype(int) - expected).max() <= 1
    step = (max(scaled) - 256) // 2
    offsets = [(0, 0), (2 * step, 0), (step, 0)]
    if height > width:
        offsets = [(y, x) for x, y in offsets]
    three = ThreeCrop(size=256)._crops(view, np.random.default_rng(0))
    for (x, y), crop in zip(offsets, three, strict=True):
        expected = resized[y : y + 256, x : x + 256]
        assert np.abs(render(frame, crop).astype(int) - expected).max() <= 1


Step = tuple[int, ...]  # a mirror image, (width, height) or (left, top, width, height)


@st.composite
def chains(draw: st.DrawFn) -> tuple[int, int, list[Step]]:
    """A frame's width and height, and steps that can be taken one after another, crops fitting."""
    first = width, height = draw(st.integers(1, 200)), draw(st.integers(1, 200))
    steps: list[Step] = []
    for kind in draw(st.lists(st.sampled_from(["resize", "crop", "flip"]), max_size=6)):
        if kind == "flip":
            steps.append(())
        elif kind == "resize":
            width, height = draw(st.integers(1, 200)), draw(st.integers(1, 200))
            steps.append((width, height))
        else:
            across, down = draw(st.integers(1, width)), draw(st.integers(1, height))
            left, top = draw(st.integers(0, width - across)), draw(st.integers(0, height - down))
            width, height = across, down
            steps.append((left, top, width, height))
    return *first, steps


@settings(max_examples=300, deadline=None)
@given(chains())
def test_pixels_are_those_of_the_steps_done_literally(chain: tuple[int, int, list[Step]]) -> None:
    width, height, steps = chain
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    literal, view = frame, View.whole(width, height)
    for step in steps:
        if not step:
            literal, view = literal[:, ::-1], view.flip()
        elif len(step) == 2:
            literal, view = cv2.resize(literal.copy(), step), view.resize(*step)
        else:
            left, top, across, down = step
            literal = literal[top : top + down, left : left + across]
            view = view.crop(*step)
    resizes = sum(len(step) == 2 for step in steps)
    assert np.abs(render(frame, view).astype(int) - literal).max() <= resizes


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("kind", [MultiScaleCrop, RandomResizedCrop])
def test_training_crops_of_resized_frames_are_resized_then_cut(
    kind: type, width: int, height: int
) -> None:
    """Resized, cut at whole pixels of the result and resized again, as the config says."""
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    resized = Resize(short_side=256)({"views": [View.whole(width, height)]})["views"]
    size = (resized[0].width, resized[0].height)
    for seed in range(5):
        crop = kind(size=112)
        [view] = crop({"views": resized, "rng": np.random.default_rng(seed)})["views"]
        # The same draws, of a frame that had this size from the first.
        plain = {"views": [View.whole(*size)], "rng": np.random.default_rng(seed)}
        left, top, across, down = crop(plain)["views"][0].base
        cut = cv2.resize(frame, size)[top : top + down, left : left + across]
        expected = cv2.resize(cut.copy(), (112, 112))
        assert np.abs(render(frame, view).astype(int) - expected).max() <= 2
