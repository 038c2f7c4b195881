"""Puts a scene's bodies on a background, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mmaction.dataprep.motion_shapes.scene import REFERENCE_SIZE, Pose

_SUPERSAMPLING = 4
_FRACTION_BITS = 4
_TEXTURE = (20, 40)  # cells of a world's texture, coarse and fine
_CONTRAST = 5, 12  # of each
# Covers the half of the unit circle around (-1, 0): a body's tail.
_TAIL = -np.array([(np.cos(turn), np.sin(turn)) for turn in np.linspace(-1.4, 1.4, 12)])


def _arc(start_deg: float, stop_deg: float, radius: float) -> list[tuple[float, float]]:
    angles = np.radians(np.linspace(start_deg, stop_deg, 12))
    return [(float(radius * np.cos(a)), float(radius * np.sin(a))) for a in angles]


# Without any symmetry of rotation, so that a turn can be seen; x to the right, y down, any unit:
# `draw_outline` brings them to size. The first point says which side of the body is the darker one.
_OUTLINES: tuple[list[tuple[float, float]], ...] = (
    [(0, -10), (9, 1), (4, 1), (4, 10), (-4, 10), (-4, 1), (-9, 1)],  # arrow
    [(-8, -10), (0, -10), (0, 2), (8, 2), (8, 9), (-8, 9)],  # L
    [(0, 10), (-4, 10), (-4, -2), (-9, -2), (-9, -9), (9, -9), (9, -2), (4, -2), (4, 10)],  # T
    [(8, -6), (8, 2), (-1, 2), (-1, 10), (-7, 10), (-7, -9), (8, -9)],  # flag
    [(0, -11), (7, 8), (-7, 8)],  # wedge
    _arc(0, 180, 10),  # half disc
    [(0, -14), *_arc(-20, 200, 8)],  # drop
    [*_arc(-35, 215, 10), (0, 0)],  # open mouth
    [(9, 8), (-9, 8), (-9, -6), (1, -6)],  # slanted block
    [(-8, -10), (-2, -2), (9, 2), (6, 9), (-9, 9)],  # boot
)


@dataclass(frozen=True)
class Look:
    """What a body looks like.

    Attributes:
        outline: float64, points×2 (x, y), within the unit circle; its tail, the half towards
            (-1, 0), is darker, for a turn to show.
        color, dark_color: float32, RGB in [0, 255].
    """

    outline: np.ndarray
    color: np.ndarray
    dark_color: np.ndarray


def draw_background(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a dark gradient with soft blotches and grain.

    Returns:
        float32, size×size×3, RGB in [0, 255].
    """
    start = rng.uniform(10, 75, 3)
    stop = np.clip(start + rng.uniform(-30, 30, 3), 5, 85)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:size, :size] / (size - 1) - 0.5
    ramp = (x * np.cos(angle) + y * np.sin(angle))[..., None] / np.sqrt(2) + 0.5
    cells = int(rng.integers(4, 10))
    coarse = rng.normal(0, rng.uniform(2, 7), (cells, cells, 3))
    blotches = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, rng.uniform(0, 3), (size, size, 1))
    return np.clip(start + (stop - start) * ramp + blotches + grain, 0, 255).astype(np.float32)


def draw_world(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a background twice as wide and high, with a texture whose motion can be seen.

    Returns:
        float32, 2·size×2·size×3, RGB in [0, 255].
    """
    world = draw_background(rng, 2 * size)
    for cells in _TEXTURE:
        coarse = rng.normal(0, rng.uniform(*_CONTRAST), (cells, cells)).astype(np.float32)
        texture = cv2.resize(coarse, (2 * size, 2 * size), interpolation=cv2.INTER_CUBIC)
        world += texture[..., None]
    return np.clip(world, 0, 255)


def draw_looks(rng: np.random.Generator, count: int, *, beside: Sequence[Look] = ()) -> list[Look]:
    """Draw the shapes of ``count`` bodies, and bright colours far from each other and others'."""
    colors = [look.color for look in beside]
    looks = []
    for _ in range(count):
        color = _draw_color(rng, colors)
        colors.append(color)
        outline = draw_outline(rng)
        x, y = -outline[0] / np.hypot(*outline[0])
        tail_left = outline @ np.array([[x, -y], [y, x]])
        looks.append(Look(tail_left, color, color * np.float32(rng.uniform(0.35, 0.5))))
    return looks


def draw_outline(rng: np.random.Generator) -> np.ndarray:
    """Draw a shape: its kind, its proportions and its handedness.

    Returns:
        float64, points×2 (x, y): the smallest circle around it is the unit circle.
    """
    points = np.array(_OUTLINES[rng.integers(len(_OUTLINES))], dtype=np.float64)
    points[:, 0] *= rng.choice([-1, 1]) * rng.uniform(0.85, 1.15)
    centre, radius = cv2.minEnclosingCircle(points.astype(np.float32))
    return (points - centre) / radius


def _draw_color(rng: np.random.Generator, others: list[np.ndarray]) -> np.ndarray:
    candidates = rng.uniform(80, 255, (24, 3)).astype(np.float32)
    brightness = candidates.mean(axis=1)
    candidates = candidates[brightness >= np.median(brightness)]
    if not others:
        return candidates[0]
    distance = np.linalg.norm(candidates[:, None] - np.stack(others), axis=2).min(axis=1)
    return candidates[np.flatnonzero(distance >= min(80, distance.max()))[0]]


def coverage(points: np.ndarray, size: int) -> np.ndarray:
    """How much of each pixel a polygon covers.

    Args:
        points: float64, points×2 (x, y), in pixels; the first pixel spans [0, 1).
        size: Height and width of the result.

    Returns:
        float32, size×size, in [0, 1].
    """
    canvas = np.zeros((size * _SUPERSAMPLING,) * 2, np.uint8)
    fine = (points * _SUPERSAMPLING - 0.5) * (1 << _FRACTION_BITS)
    cv2.fillPoly(canvas, [np.rint(fine).astype(np.int32)], 255, shift=_FRACTION_BITS)
    small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def _place(points: np.ndarray, pose: Pose, size: int) -> np.ndarray:
    """Bring an outline from the unit circle to where a body is, in pixels."""
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    turned = points @ np.array([[cos, sin], [-sin, cos]])
    return (turned * pose.radius + (pose.x, pose.y)) * (size / REFERENCE_SIZE)


def paint(image: np.ndarray, look: Look, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """Paint a body over an image.

    Args:
        image: float32, size×size×3.
        look: The body's.
        pose: Where it is.

    Returns:
        The painted image, and the body's coverage, float32, size×size, in [0, 1].
    """
    size = len(image)
    body = coverage(_place(look.outline, pose, size), size)
    dark = coverage(_place(_TAIL, pose, size), size)[..., None]
    color = look.color + dark * (look.dark_color - look.color)
    return image + body[..., None] * (color - image), body
