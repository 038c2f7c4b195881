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
from mmaction.datasets.transforms.crops import CenterCrop, ThreeCrop
from mmaction.datasets.transforms.geometry import Flip, Resize, View
from mmaction.datasets.transforms.pixels import DecodeFrames, PackClips, render_view
from mmaction.errors import ConfigError

MakeResults = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("backend", ["cv2", None])
def test_decodes_each_distinct_frame_once_as_rgb(
    tmp_path: Path, write_frames: Callable[..., Path], backend: str | None
) -> None:
    write_frames(tmp_path / "video", 6, width=40, height=30)
    positions = [[4, 1, 1], [5, 4, 0]]
    results = DecodeFrames(backend=backend)(
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


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(ConfigError, match="backend='turbo' is none; there are: cv2, simplejpeg"):
        DecodeFrames(backend="turbo")


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
        for left in (0, 30, 15)
    ]
    assert np.array_equal(item["inputs"].numpy(), np.stack(expected))
    assert item["sample"].frame_indices.tolist() == [[1, 2]] * 3 + [[3, 4]] * 3


def test_pack_hands_the_colour_map_on(make_results: MakeResults) -> None:
    results = ColorJitter(brightness=0.5, hue=0.1)(make_results())
    item = PackClips()(results)
    assert np.array_equal(item["color"].numpy(), results["color"])
    assert np.array_equal(item["inputs"][0].numpy(), results["frames"])


def test_one_pass_equals_resize_then_crop_then_flip(make_results: MakeResults) -> None:
    results = make_results(width=340, height=256)
    item = PackClips()(Flip(prob=1)(CenterCrop(size=112)(Resize(short_side=128)(results))))
    # The short side is halved, so the box of the crop is whole: 224 source pixels.
    for frame, packed in zip(results["frames"], item["inputs"][0].numpy(), strict=True):
        small = cv2.resize(frame, (170, 128))
        assert np.array_equal(packed, small[8:120, 29:141][:, ::-1])


def render(frame: np.ndarray, view: View) -> np.ndarray:
    out = np.empty((view.height, view.width, 3), np.uint8)
    render_view(frame, view, out)
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


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_pixels_equal_resize_crop_flip_done_literally(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 99))
    frame = np.random.default_rng(seed).integers(0, 256, (128, 170, 3), dtype=np.uint8)
    scaled_width, scaled_height = data.draw(st.integers(80, 300)), data.draw(st.integers(80, 300))
    left, top = data.draw(st.integers(0, 30)), data.draw(st.integers(0, 30))
    flip = data.draw(st.booleans())

    literal = cv2.resize(frame, (scaled_width, scaled_height))[top : top + 50, left : left + 50]
    view = View.whole(170, 128).resize(scaled_width, scaled_height).crop(left, top, 50, 50)
    if flip:
        literal, view = literal[:, ::-1], view.flip()
    assert np.abs(render(frame, view).astype(int) - literal).max() <= 1
