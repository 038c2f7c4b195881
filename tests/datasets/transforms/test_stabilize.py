"""Clips of a textured world, seen by a camera whose path is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmaction.dataprep.motion_shapes import DataSetOptions, make_data_set
from mmaction.datasets import RawframeDataset
from mmaction.datasets.transforms.geometry import View
from mmaction.datasets.transforms.pipeline import Results
from mmaction.datasets.transforms.pixels import render_view
from mmaction.datasets.transforms.stabilize import Stabilize, moved_and_filled
from mmaction.errors import ConfigError
from mmaction.explain.colormap import as_filmed
from mmaction.explain.measures.ground_truth import clip_ground_truth
from mmaction.ops.global_motion import warped

SIZE, PACE = 64, 3


def shift(x: float, y: float = 0.0) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def panned(frames: int, seed: int = 0) -> np.ndarray:
    """uint8, T×H×W×3: a camera that goes right by `PACE` pixels a frame."""
    rng = np.random.default_rng(seed)
    width = SIZE + PACE * frames
    coarse = rng.normal(110, 40, (SIZE // 4, width // 4, 3))
    world = cv2.resize(coarse, (width, SIZE), interpolation=cv2.INTER_CUBIC)
    world = world.clip(0, 255).astype(np.uint8)
    return np.stack([world[:, PACE * t : PACE * t + SIZE] for t in range(frames)])


def results_of(frames: np.ndarray, slots: list[list[int]]) -> Results:
    return {"frames": iter(frames), "frame_slots": np.array(slots)}


def test_the_world_stands_still_as_in_the_middle_frame() -> None:
    frames = panned(5)
    results = Stabilize()(results_of(frames, [[0, 1, 2, 3, 4]]))
    assert results["unsteady"] == 0
    assert results["frame_slots"].tolist() == [[0, 1, 2, 3, 4]]
    np.testing.assert_array_equal(results["frames"][2], frames[2])
    for frame, motion, t in zip(results["frames"], results["motions"][0], range(5), strict=True):
        np.testing.assert_allclose(motion, shift(PACE * (t - 2)), atol=0.05)
        # Also where the camera had not come to yet, or was gone from: the median of who had.
        away = np.abs(frame.astype(int) - frames[2])
        assert away.mean() < 3


def test_what_frames_do_not_show_is_the_median_of_those_that_do() -> None:
    rng = np.random.default_rng(0)
    frames = list(rng.integers(0, 256, (4, 3, 8, 3), dtype=np.uint8))
    motions = np.stack([np.eye(3), shift(2), shift(-3), shift(1)])
    known = np.stack([warped(frame, m)[0] for frame, m in zip(frames, motions, strict=True)])
    made = moved_and_filled(frames, motions)
    for x in range(8):
        seen = [t for t, m in enumerate(motions) if 0 <= x - m[0, 2] < 8]
        ranked = np.sort(known[seen][:, :, x], axis=0)
        for t in range(4):
            expected = known[t, :, x] if t in seen else ranked[(len(seen) - 1) // 2]
            np.testing.assert_array_equal(made[t][:, x], expected)


def test_beyond_a_cut_frames_stay_as_they_are_and_are_counted() -> None:
    frames = np.concatenate([panned(4), panned(3, seed=1)])
    results = Stabilize()(results_of(frames, [list(range(7))]))
    assert results["unsteady"] == 3
    for t in range(4, 7):  # the middle frame is the fourth
        np.testing.assert_array_equal(results["frames"][t], frames[t])
    np.testing.assert_allclose(results["motions"][0, 0], shift(-3 * PACE), atol=0.1)


def test_a_picture_that_is_almost_gone_stays_as_it_is() -> None:
    results = Stabilize().estimate(results_of(panned(36), [list(range(36))]))
    kept = np.array([np.array_equal(motion, np.eye(3)) for motion in results["motions"][0]])
    left = 1 - np.abs(np.arange(36) - 18) * PACE / SIZE  # of the picture
    assert kept[left < 0.2].all()
    assert not kept[(left > 0.3) & (left < 1)].any()
    assert results["unsteady"] == kept.sum() - 1


def test_clips_of_a_video_have_middles_of_their_own() -> None:
    frames = panned(6)
    results = Stabilize(model="translation")(results_of(frames, [[0, 2, 4], [1, 3, 5], [0, 0, 0]]))
    assert results["frame_slots"].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    for place, frame in ((1, 2), (4, 3), (6, 0), (8, 0)):
        np.testing.assert_array_equal(results["frames"][place], frames[frame])
    np.testing.assert_allclose(results["motions"][1, 0], shift(-2 * PACE), atol=0.05)


def test_models_that_there_are() -> None:
    with pytest.raises(ConfigError, match="Stabilize: model='homografy' is unknown; did you mean"):
        Stabilize(model="homografy")


def test_a_view_s_matrix_is_what_it_shows() -> None:
    frame = panned(1)[0]
    view = View.whole(SIZE, SIZE).crop(5, 9, 40, 30).flip().crop(2, 3, 32, 24)
    shown = np.empty((24, 32, 3), np.uint8)
    render_view(frame, view, shown)
    np.testing.assert_array_equal(warped(frame, view.matrix)[0][:24, :32], shown)
    doubled = view.resize(64, 48)
    larger = np.empty((48, 64, 3), np.uint8)
    render_view(frame, doubled, larger)
    found = warped(frame, doubled.matrix)[0][:48].astype(int)
    assert np.abs(found - larger)[2:-2, 2:-2].max() <= 3


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "moving"
    options = DataSetOptions(videos=12, val_videos=12, frames=12, camera="mixed", busy=True)
    make_data_set(out, options)
    return out


def dataset(root: Path, *steps: dict[str, Any]) -> RawframeDataset:
    sampling = dict(type="SampleSegments", clip_len=6, placement="center")
    geometry = [dict(type="Resize", size=48), dict(type="CenterCrop", size=40)]
    geometry += [dict(type="Flip", prob=1.0, label_map="motion_shapes"), dict(type="PackClips")]
    pipeline = [sampling, dict(type="DecodeFrames"), *steps, *geometry]
    return RawframeDataset(ann_file=root / "val.txt", data_root=root / "frames", pipeline=pipeline)


def test_truth_is_carried_along_and_maps_are_brought_back(moving: Path) -> None:
    steady, filmed = dataset(moving, dict(type="Stabilize")), dataset(moving)
    overlaps, errors = [], []
    for index in range(len(steady)):
        item, truth = steady[index], clip_ground_truth(steady, index, view=0)
        assert item["sample"].motions.shape == (1, 6, 3, 3)
        pictures, maps = as_filmed(
            item["inputs"][0].numpy(), truth.masks.astype(np.float32), item["sample"].motions[0]
        )
        own = clip_ground_truth(filmed, index, view=0).masks
        seen = (pictures > 0).any(axis=3)
        overlaps.append(((maps > 0.5) & own & seen).sum() / ((maps > 0.5) | own)[seen].sum())
        shown = filmed[index]["inputs"][0].numpy().astype(int)
        errors.append(np.abs(pictures - shown)[seen].mean())
    assert np.mean(overlaps) > 0.85
    assert np.mean(errors) < 5
