"""Motions that are known, between pictures made for it."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from mmaction.ops.global_motion import MOTION_MODELS, global_motion, warped


def texture(seed: int, size: int = 160) -> np.ndarray:
    """uint8, blotches of 4 pixels and more."""
    coarse = np.random.default_rng(seed).normal(110, 40, (size // 4, size // 4))
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype("u1")


def similarity(turn_deg: float, scale: float, x: float, y: float, centre: float) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((centre, centre), turn_deg, scale)
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]]) @ np.vstack([turn, (0, 0, 1)])


def farthest(one: np.ndarray, other: np.ndarray, size: int) -> float:
    """How far two motions take a picture's corners apart, in pixels."""
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]]).T
    ends = [motion @ corners for motion in (one, other)]
    return float(np.hypot(*(ends[0][:2] / ends[0][2] - ends[1][:2] / ends[1][2])).max())


def film(motion: np.ndarray, size: int, margin: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Two pictures of ``size`` cut of a larger world, the second one moved, with a body apart."""
    world = texture(0, size + 2 * margin)
    to_world = np.array([[1, 0, margin], [0, 1, margin], [0, 0, 1]])
    moved, _ = warped(world, to_world @ motion @ np.linalg.inv(to_world))
    inside = slice(margin, margin + size)
    before, after = world[inside, inside].copy(), moved[inside, inside].copy()
    third = size // 3
    before[:third, :third], after[10 : third + 10, :third] = 250, 250  # it goes its own way
    return before, after


@pytest.mark.parametrize("size", [64, 300])  # the larger one is estimated in a smaller picture
@pytest.mark.parametrize(
    ("model", "turn_deg", "scale"),
    [("translation", 0, 1), ("similarity", 4, 1.05), ("homography", -3, 0.97)],
)
def test_a_camera_s_motion_is_found(model: str, turn_deg: float, scale: float, size: int) -> None:
    motion = similarity(turn_deg, scale, 2.5, -1.75, size / 2)
    found = global_motion(*film(motion, size), model=model)
    assert found is not None
    assert farthest(found, motion, size) < 0.01 * size


@pytest.mark.parametrize("model", MOTION_MODELS)
def test_what_says_nothing_of_motion(model: str) -> None:
    flat = np.full((64, 64), 90, np.uint8)
    assert global_motion(flat, flat + 1, model=model) is None  # fog
    assert global_motion(texture(1, 64), texture(2, 64), model=model) is None  # a cut
    one = texture(1, 64)
    np.testing.assert_array_equal(global_motion(one, one, model=model), np.eye(3))


def test_a_body_that_moves_before_a_smooth_ground_is_no_camera() -> None:
    before, after = (np.tile(np.linspace(60, 90, 64), (64, 1)).astype(np.uint8) for _ in range(2))
    before[8:28, 10:30], after[8:28, 13:33] = texture(3, 20), texture(3, 20)
    for picture in (before, after):
        picture[40:60, 40:60] = picture[40:60, 4:24] = 220
    found = global_motion(before, after, model="similarity")
    np.testing.assert_array_equal(found, np.eye(3))


def test_a_picture_moved_and_what_it_covers() -> None:
    picture = np.arange(20, dtype=np.uint8).reshape(4, 5)
    moved, seen = warped(picture, np.array([[1, 0, 2], [0, 1, -1], [0, 0, 1.0]]))
    np.testing.assert_array_equal(moved[:3, 2:], picture[1:, :3])
    assert seen.sum() == 3 * 3
    assert moved[~seen].max() == 0
    half, _ = warped(picture, np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1.0]]))
    assert math.isclose(half[2, 2], (picture[2, 1] + picture[2, 2]) / 2, abs_tol=0.51)
