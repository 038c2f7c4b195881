from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.datasets import RawframeDataset
from mmaction.errors import DataError
from mmaction.explain.measures.ground_truth import clip_ground_truth
from tests.conftest import write_videos
from tests.explain.measures.conftest import write_masks


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A video of six frames of 36×48 pixels, numbered from 1; a square that goes right."""
    write_videos(tmp_path / "frames", ["a"], image_tmpl="img_{:05d}.jpg", frames=6)
    (tmp_path / "list.txt").write_text("a 6 0\n")
    masks = np.zeros((6, 36, 48), dtype=bool)
    for frame in range(6):
        masks[frame, 12:24, 6 * frame : 6 * frame + 12] = True
    (tmp_path / "ground_truth").mkdir()
    write_masks(tmp_path / "ground_truth", masks, (2, 5))
    return tmp_path


def dataset(data: Path, *geometry: dict[str, Any], frames: Sequence[Any] = ()) -> RawframeDataset:
    sampling = frames or [dict(type="SampleSegments", clip_len=3, placement="center")]
    pipeline = [*sampling, dict(type="DecodeFrames"), *geometry, dict(type="PackClips")]
    return RawframeDataset(
        ann_file=str(data / "list.txt"), data_root=str(data / "frames"), pipeline=pipeline
    )


def sampled(data: Path, videos: RawframeDataset) -> tuple[np.ndarray, np.ndarray]:
    """Where a clip's frames lie in the video, int64, T, and their masks, T×36×48.

    File numbers count from 1, the ground truth from 0.
    """
    positions = videos[0]["sample"].frame_indices[0] - 1
    return positions, np.load(data / "ground_truth" / "a.npz")["actor_masks"][positions]


@pytest.mark.parametrize("clip_len", [3, 9])
def test_frames_as_they_are_sampled(data: Path, clip_len: int) -> None:
    """Three segments of two frames; and a clip of more frames than the video has."""
    sampling = dict(type="SampleSegments", clip_len=clip_len, placement="center")
    videos = dataset(data, frames=[sampling])
    positions, masks = sampled(data, videos)
    truth = clip_ground_truth(videos, 0, view=0)
    np.testing.assert_array_equal(truth.masks, masks)
    assert truth.acting.tolist() == [2 <= p < 5 for p in positions]


def test_resized_cropped_and_flipped_as_the_view_is(data: Path) -> None:
    _, masks = sampled(data, dataset(data))
    crops = dict(type="ThreeCrop", size=36)
    for geometry, view, expected in (
        (dict(type="Resize", size=(18, 24)), 0, masks[:, ::2, ::2]),
        (crops, 0, masks[:, :, :36]),
        (crops, 1, masks[:, :, 12:48]),
        (crops, 2, masks[:, :, 6:42]),
        (dict(type="Flip", prob=1.0), 0, masks[:, :, ::-1]),
    ):
        truth = clip_ground_truth(dataset(data, geometry), 0, view=view)
        np.testing.assert_array_equal(truth.masks, expected)


def test_distractors_go_the_actor_s_way(data: Path) -> None:
    file = data / "ground_truth" / "a.npz"
    known = dict(np.load(file))
    below = np.roll(known["actor_masks"], 12, axis=1)
    videos = dataset(data, dict(type="Resize", size=18), dict(type="Flip", prob=1.0))
    assert clip_ground_truth(videos, 0, view=0).distractors is None
    np.savez(file, **known, distractor_masks=below)
    both = clip_ground_truth(videos, 0, view=0)
    np.savez(file, **known | dict(actor_masks=below))
    np.testing.assert_array_equal(both.distractors, clip_ground_truth(videos, 0, view=0).masks)
    assert not (both.distractors & both.masks).any()


def test_the_data_set_stays_as_it_was(data: Path) -> None:
    videos = dataset(data)
    before = videos[0]["inputs"].clone()
    clip_ground_truth(videos, 0, view=0)
    assert (videos[0]["inputs"] == before).all()


def test_without_ground_truth(data: Path) -> None:
    (data / "ground_truth").rename(data / "elsewhere")
    with pytest.raises(DataError, match=r"expected the directory .*ground_truth, or one named by"):
        clip_ground_truth(dataset(data), 0, view=0)
