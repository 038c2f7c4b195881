from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.datasets import RawframeDataset
from mmaction.errors import DataError
from mmaction.explain.measures.ground_truth import (
    ActionTubes,
    MaskFiles,
    clip_ground_truth,
    open_ground_truth,
)
from tests.bomb import Bomb


def tubes(path: Path, content: Any, *, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def video(*found: dict[str, Any]) -> dict[str, Any]:
    return {"annotations": list(found), "numf": 5, "label": 3}


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_boxes_by_hand(tmp_path: Path, protocol: int) -> None:
    """x, y, width, height of frames of 240×320, here half that size; frames from sf up to ef."""
    boxes = np.array([[20, 40, 60, 80], [22, 40, 60, 80]], dtype=np.uint16)
    tube = {"label": 3, "boxes": boxes, "sf": np.int64(1), "ef": np.int64(3)}
    path = tubes(
        tmp_path / "pyannot.pkl", {"Fencing/v_Fencing_g01_c01": video(tube)}, protocol=protocol
    )
    reader = ActionTubes(path)
    for name in ("Fencing/v_Fencing_g01_c01", "v_Fencing_g01_c01", "frames/v_Fencing_g01_c01"):
        truth = reader.read(name, frames=5, height=120, width=160)
        assert truth.acting.tolist() == [False, True, True, False, False]
        expected = np.zeros((5, 120, 160), dtype=bool)
        expected[1, 20:60, 10:40] = True
        expected[2, 20:60, 11:41] = True
        np.testing.assert_array_equal(truth.masks, expected)


def test_tubes_add_up_and_stay_in_the_picture(tmp_path: Path) -> None:
    found = video(
        {"boxes": np.array([[-5, -5, 10, 10]]), "sf": 0, "ef": 1},
        {"boxes": np.array([[310, 230, 50, 50]] * 9), "sf": 0, "ef": 9},
    )
    path = tubes(tmp_path / "pyannot.pkl", {"a": found})
    truth = ActionTubes(path).read("a", frames=2, height=240, width=320)
    assert truth.acting.tolist() == [True, True]
    assert truth.masks.sum(axis=(1, 2)).tolist() == [25 + 100, 100]


def test_nothing_in_a_file_of_boxes_runs(tmp_path: Path) -> None:
    path = tubes(tmp_path / "pyannot.pkl", {"a": Bomb(tmp_path / "boom")})
    with pytest.raises(DataError, match=r"pyannot\.pkl: not boxes in UCF101-24's format \(refused"):
        ActionTubes(path)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1, 2])])
def test_files_that_are_no_boxes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.pkl: not boxes"):
        open_ground_truth(tmp_path / "a.pkl")


@pytest.mark.parametrize("found", [{}, {"annotations": [{"sf": 1}]}, {"annotations": 3}, 7])
def test_a_video_in_another_format(tmp_path: Path, found: Any) -> None:
    reader = ActionTubes(tubes(tmp_path / "a.pkl", {"a": found}))
    with pytest.raises(DataError, match=r"video 'a': not in UCF101-24's format"):
        reader.read("a", frames=2, height=4, width=4)


def test_a_video_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no ground truth of video 'b' in .*a\.pkl"):
        ActionTubes(tubes(tmp_path / "a.pkl", {})).read("b", frames=2, height=4, width=4)
    with pytest.raises(DataError, match=r"expected the file .*b\.npz"):
        MaskFiles(tmp_path).read("b", frames=2, height=4, width=4)
    with pytest.raises(DataError, match="expected the directory or file .*nowhere"):
        open_ground_truth(tmp_path / "nowhere")


def write_masks(folder: Path, masks: np.ndarray, interval: tuple[int, int]) -> None:
    np.savez(folder / "a.npz", actor_masks=masks, action_interval=np.array(interval))


def test_mask_files(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((4, 6, 8)) > 0.5
    write_masks(tmp_path, masks, (1, 3))
    truth = open_ground_truth(tmp_path).read("a", frames=4, height=6, width=8)
    np.testing.assert_array_equal(truth.masks, masks)
    assert truth.acting.tolist() == [False, True, True, False]
    double = open_ground_truth(tmp_path).read("a", frames=4, height=12, width=16)
    np.testing.assert_array_equal(double.masks, masks.repeat(2, axis=1).repeat(2, axis=2))


def test_mask_files_that_do_not_fit(tmp_path: Path) -> None:
    write_masks(tmp_path, np.zeros((4, 6, 8), dtype=bool), (1, 3))
    with pytest.raises(DataError, match=r"a\.npz: actor_masks are \(4, 6, 8\), .* has 5 frames"):
        MaskFiles(tmp_path).read("a", frames=5, height=6, width=8)
    (tmp_path / "a.npz").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"a\.npz: no ground truth of this project"):
        MaskFiles(tmp_path).read("a", frames=4, height=6, width=8)


@pytest.fixture
def data(tmp_path: Path, make_videos: Callable[..., None]) -> Path:
    """A video of six frames of 36×48 pixels, numbered from 1; a square that goes right."""
    make_videos(tmp_path / "frames", ["a"], image_tmpl="img_{:05d}.jpg", frames=6)
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
