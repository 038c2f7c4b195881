"""Outlines without any symmetry of rotation, so that a turn can be seen."""

from __future__ import annotations

import cv2
import numpy as np


def _arc(start_deg: float, stop_deg: float, radius: float) -> list[tuple[float, float]]:
    angles = np.radians(np.linspace(start_deg, stop_deg, 12))
    return [(float(radius * np.cos(a)), float(radius * np.sin(a))) for a in angles]


# x to the right, y down, any unit: `draw_outline` brings them to size. The first point says which
# side of the body is the darker one.
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


def draw_outline(rng: np.random.Generator) -> np.ndarray:
    """Draw a shape: its kind, its proportions and its handedness.

    Returns:
        float64, points×2 (x, y): the smallest circle around it is the unit circle.
    """
    points = np.array(_OUTLINES[rng.integers(len(_OUTLINES))], dtype=np.float64)
    points[:, 0] *= rng.choice([-1, 1]) * rng.uniform(0.85, 1.15)
    centre, radius = cv2.minEnclosingCircle(points.astype(np.float32))
    return (points - centre) / radius
