"""The twelve classes of motion_shapes, and when within a clip an action happens."""

from __future__ import annotations

import numpy as np

CLASSES: tuple[str, ...] = (
    "move_left",
    "move_right",
    "move_up",
    "move_down",
    "toward",
    "away",
    "rotate_clockwise",
    "rotate_counter_clockwise",
    "approach",
    "part",
    "cover",
    "uncover",
)
"""Class names by label. An even label is an action as `scene.Scene` plays it, the odd label after
it the same film played backwards."""

MIN_FRAMES = 8


def draw_phases(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Draw the course of an action over a clip of T frames: when, and how its speed changes.

    It takes a third to seven twelfths of the clip (8 to 14 of 24 frames), anywhere within it; its
    speed is even, swells and ebbs, or leans to either end.

    Returns:
        float64, T: 0 before the action, strictly between 0 and 1 while it happens and rising, 1
        after it. At least one frame of rest lies on either side.
    """
    length = int(rng.integers(round(frames / 3), round(frames * 7 / 12) + 1))
    rest = max(1, min(2, (frames - length) // 2))
    start = int(rng.integers(rest, frames - rest - length + 1))
    time = np.clip((np.arange(frames) - start + 1) / (length + 1), 0, 1)
    lean = np.exp(rng.uniform(-0.35, 0.35))
    smooth = rng.uniform(0, 0.8)
    time = time**lean
    return (1 - smooth) * time + smooth * time**2 * (3 - 2 * time)


def draw_rest_phase(rng: np.random.Generator, frames: int) -> float:
    """Draw the phase of an action seen at a random moment of a clip: mostly 0 or 1."""
    return float(draw_phases(rng, frames)[rng.integers(frames)])
