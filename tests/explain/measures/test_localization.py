from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmaction.explain.measures.localization import (
    LOCALIZATION,
    best_iou,
    energy,
    grown,
    hit_rate,
    localization,
)
from mmaction.explain.measures.truth_files import GroundTruth


@pytest.fixture
def truth() -> GroundTruth:
    """Four frames of 8×8, a square of 2×2 cells of 2×2 pixels that moves; two frames of action."""
    masks = np.zeros((4, 8, 8), dtype=bool)
    for frame in range(4):
        masks[frame, 2:6, frame : frame + 4] = True
    return GroundTruth(masks, np.array([False, True, True, False]))


def test_the_ground_truth_itself_scores_fully(truth: GroundTruth) -> None:
    found = localization(
        truth.masks.astype(float), truth.acting.astype(float), truth, tolerance_px=0
    )
    assert found == dict.fromkeys(LOCALIZATION, 1.0)


def test_a_constant_map_scores_by_area(truth: GroundTruth) -> None:
    """The mask covers 16 of 64 pixels, the action two of four frames."""
    for size in (2, 3, 8):
        found = localization(np.full((4, size, size), 0.3), np.full(4, 0.7), truth)
        for name in LOCALIZATION:
            expected = 0.5 if name.startswith("temporal") else 0.25
            assert found[name] == pytest.approx(expected)


def test_pointing_looks_at_acting_frames_alone(truth: GroundTruth) -> None:
    maps = np.zeros((4, 8, 8))
    maps[0, 7, 7] = 5  # not in the mask, and the highest of the clip
    maps[1, 3, 3] = 1  # in
    maps[2, 0, 0] = 1  # not in
    found = localization(maps, maps.sum(axis=(1, 2)), truth)
    assert found["pointing"] == 0.5
    assert found["pointing_clip"] == 0
    assert found["energy"] == 0.5
    assert found["temporal_pointing"] == 0
    assert found["temporal_energy"] == pytest.approx(2 / 7)


def test_coarse_maps_are_resized(truth: GroundTruth) -> None:
    """Of 4×4 cells, the one whose pixels are rows and columns 2 and 3."""
    maps = np.zeros((4, 4, 4))
    maps[:, 1, 1] = 1
    assert localization(maps, np.ones(4), truth)["pointing"] == 1
    maps = np.zeros((4, 4, 4))
    maps[:, 0, 0] = 1
    assert localization(maps, np.ones(4), truth)["pointing"] == 0


def test_the_tolerance_is_a_distance_in_pixels() -> None:
    mask = np.zeros((9, 9), dtype=bool)
    mask[4, 4] = True
    y, x = np.mgrid[:9, :9]
    for reach in (0, 1, 1.5, 2, 3):
        expected = np.hypot(y - 4, x - 4) <= reach
        np.testing.assert_array_equal(grown(mask, reach), expected)
    maps = np.zeros((1, 9, 9))
    maps[0, 4, 6] = 1
    clip = GroundTruth(mask[None], np.array([True]))
    hits = [
        localization(maps, np.ones(1), clip, tolerance_px=reach)["pointing"] for reach in (1.9, 2)
    ]
    assert hits == [0, 1]


def test_nothing_to_say_is_nan(truth: GroundTruth) -> None:
    never = GroundTruth(truth.masks, np.zeros(4, dtype=bool))
    found = localization(np.ones((4, 2, 2)), np.ones(4), never)
    assert [name for name, value in found.items() if not np.isnan(value)] == ["pointing_clip"]
    gone = GroundTruth(np.zeros_like(truth.masks), truth.acting)
    found = localization(np.ones((4, 2, 2)), np.ones(4), gone)
    assert all(np.isnan(found[name]) for name in ("pointing", "pointing_clip", "energy"))
    assert found["temporal_energy"] == 0.5


def test_ties_give_the_expected_rate() -> None:
    assert hit_rate(np.array([3, 1, 3, 3]), np.array([True, True, False, False])) == pytest.approx(
        1 / 3
    )


def test_energy_by_hand() -> None:
    target = np.array([True, False, True, False])
    assert energy(np.array([1.0, 2, 3, 4]), target) == pytest.approx(0.4)
    assert energy(np.array([-1.0, 2, 3, -4]), target) == pytest.approx(0.6)
    assert energy(np.zeros(4), target) == 0.5


def test_best_iou_by_hand() -> None:
    """From 0.6 on: frames 1 and 3, of which 3 acts: 1/3; from 0.5 on: 1, 2, 3: 2/3; all: 2/4."""
    acting = np.array([False, False, True, True])
    assert best_iou(np.array([0.1, 0.9, 0.5, 0.6]), acting) == pytest.approx(2 / 3)


def test_pointing_at_who_moves_but_does_not_act(truth: GroundTruth) -> None:
    """The actor is in none of the lower rows; a distractor fills them."""
    others = np.zeros_like(truth.masks)
    others[:, 6:] = True
    assert not (truth.masks & others).any()
    known = replace(truth, distractors=others)
    maps = np.zeros(truth.masks.shape)
    maps[:, 7, 0] = 1
    assert localization(maps, np.ones(4), known)["pointing_distractor"] == 1
    maps[1] = truth.masks[1]  # the second of the two frames of the action
    assert localization(maps, np.ones(4), known)["pointing_distractor"] == 0.5
    far = localization(maps, np.ones(4), known, tolerance_px=20)  # both within reach: the actor's
    assert far["pointing_distractor"] == 0
    assert "pointing_distractor" not in localization(maps, np.ones(4), truth)
