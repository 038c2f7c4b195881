"""Edits made from a data set's truth, and carried the way of its frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.apis.truth_edits import edit_of, truth_edits
from mmaction.dataprep.motion_shapes import DataSetOptions, make_data_set
from mmaction.datasets import RawframeDataset
from mmaction.datasets.edits import decode_mask, write_edits
from mmaction.explain.measures.ground_truth import clip_ground_truth
from mmaction.explain.measures.truth_files import GroundTruth

CROPPED = [dict(type="Resize", size=48), dict(type="ThreeCrop", size=(40, 48))]
CROPPED += [dict(type="Flip", prob=1.0, label_map="motion_shapes")]


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "moving"
    make_data_set(out, DataSetOptions(videos=12, val_videos=12, frames=12, camera="mixed"))
    return out


def dataset(root: Path, *steps: dict[str, Any], **options: Any) -> RawframeDataset:
    sampling = dict(type="SampleSegments", clip_len=6, num_clips=2, placement="center")
    pipeline = [sampling, dict(type="DecodeFrames"), *steps, dict(type="PackClips")]
    return RawframeDataset(
        ann_file=root / "val.txt", data_root=root / "frames", pipeline=pipeline, **options
    )


@pytest.mark.parametrize("steps", [CROPPED, [dict(type="Stabilize"), *CROPPED]])
def test_edits_go_the_way_of_the_truth_s_masks(moving: Path, steps: Any, tmp_path: Path) -> None:
    """Through two clips, three crops and a flip; and onto the middle frame of a moving camera."""
    write_edits(tmp_path / "edits.json", truth_edits(dataset(moving), range(4)))
    edited = dataset(moving, *steps, edits=tmp_path / "edits.json")
    steady = len(steps) > len(CROPPED)
    for index in range(4):
        said = edited[index]["sample"].guidance
        assert said.spatial.shape == (6, 2, 6, 40, 48)
        for view in range(6):
            truth = clip_ground_truth(edited, index, view=view)
            look, away = said.spatial[view] >= 128
            np.testing.assert_array_equal(said.temporal[view], truth.acting)
            acting = truth.masks[truth.acting]
            if steady:  # what a moved frame does not reach the truth takes from others
                assert (look[truth.acting] & ~acting).sum() <= 0.01 * acting.sum()
                assert (look[truth.acting] & acting).sum() >= 0.9 * acting.sum()
            else:
                np.testing.assert_array_equal(look[truth.acting], acting)
            assert not look[~truth.acting].any()
            assert not (away & truth.masks).any()
            assert away.mean() > 0.5
    assert edited[4]["sample"].guidance is None


def test_key_frames_are_where_the_action_turns_and_so_far_apart() -> None:
    """A pixel of 32×32 that acts in frames 3 to 5, two pixels around which are left open."""
    masks = np.zeros((9, 32, 32), bool)
    masks[:, 10, 20] = True
    truth = GroundTruth(masks, np.isin(np.arange(9), (3, 4, 5)))
    edit = edit_of(truth, first=1, every=4)
    assert [key["frame"] for key in edit["where"]] == [1, 3, 4, 5, 6, 7, 9]
    assert [key["frame"] for key in edit["where"] if "look" in key] == [4, 5, 6]
    assert edit["when"] == [[1, 3, 0.0], [4, 6, 1.0], [7, 9, 0.0]]
    away = np.ones((32, 32), bool)
    away[8:13, 18:23] = False
    np.testing.assert_array_equal(decode_mask(edit["where"][0]["away"]["counts"], (32, 32)), away)


def test_of_halves_it_says_only_where_not_to_look() -> None:
    """The left half of 16×32, two pixels beside which are left open; of a clip of both, nothing."""
    masks = np.zeros((4, 16, 32), bool)
    acting = np.array([False, True, True, False])
    nobody = edit_of(GroundTruth(masks, acting), look=False)
    assert nobody == dict(where=[], when=[[1, 1, 0.0], [2, 3, 1.0], [4, 4, 0.0]])
    masks[:, :, :16] = True
    where = edit_of(GroundTruth(masks, acting), every=4, look=False)["where"]
    away = np.zeros((16, 32), bool)
    away[:, 18:] = True
    for key in where:
        assert key.keys() == {"frame", "away"}
        np.testing.assert_array_equal(decode_mask(key["away"]["counts"], (16, 32)), away)
