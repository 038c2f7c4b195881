"""One video with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mmaction.dataprep.motion_shapes.classes import draw_timing
from mmaction.dataprep.motion_shapes.drawing import Look, draw_background, draw_looks, paint
from mmaction.dataprep.motion_shapes.scene import MOVER, Pose, Scene, draw_scene

MIN_SIZE = 32
_SHIVERING = 0.3


@dataclass(frozen=True)
class Video:
    """A video of T frames and what is known of it.

    Attributes:
        frames: uint8, T×H×W×3, RGB.
        label: Class id, an index of `CLASSES`.
        actor_masks: bool, T×H×W: the pixels of those who act, in every frame, at rest too.
        actor_boxes: int64, T×4: x0, y0, x1, y1 around the mask, in pixels, x1 and y1 excluded.
        action_interval: First frame of the action and first frame after it, counted from 0.
    """

    frames: np.ndarray
    label: int
    actor_masks: np.ndarray
    actor_boxes: np.ndarray
    action_interval: tuple[int, int]


def make_video(rng: np.random.Generator, label: int, *, frames: int = 24, size: int = 64) -> Video:
    """Make a video; all its randomness comes from ``rng`` and none of it depends on the label.

    From generators in the same state, the two labels of a pair (2i, 2i + 1) give films that are
    each other played backwards, and other labels give other actions on the same stage.

    Args:
        rng: Source of randomness.
        label: Class id in [0, 12).
        frames: T, at least `MIN_FRAMES`.
        size: H and W, at least `MIN_SIZE`.
    """
    timing = draw_timing(rng, frames)
    scene = draw_scene(rng, frames)
    background = draw_background(rng, size)
    looks = draw_looks(rng, len(scene.rest))
    shiver = _draw_shiver(rng, len(looks), frames)

    images, masks = _film(timing.phases, scene, label, background, looks, shiver)
    start, stop = timing.start, timing.stop
    if label % 2:
        images, masks = images[::-1], masks[::-1]
        start, stop = frames - stop, frames - start
    return Video(images.copy(), label, masks.copy(), _boxes(masks), (start, stop))


def _draw_shiver(rng: np.random.Generator, bodies: int, frames: int) -> np.ndarray:
    """Aimless offsets of resting bodies: float64, bodies×T×2 (x, y); one body's at most not 0."""
    shiver = np.zeros((bodies, frames, 2))
    shiverer = rng.integers(MOVER, bodies)
    if rng.random() < _SHIVERING:
        shiver[shiverer] = np.clip(rng.normal(0, 0.5, (frames, 2)), -1, 1)
    return shiver


def _film(
    phases: np.ndarray,
    scene: Scene,
    label: int,
    background: np.ndarray,
    looks: list[Look],
    shiver: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Paint the action forwards: its frames, uint8 T×H×W×3, and its actors' masks, bool T×H×W."""
    courses = scene.action(label)
    by_depth = range(len(looks))[::-1]  # body 1 before body 0, which covers it
    resting = [body for body in by_depth if body not in courses]
    shivering = [body for body in resting if shiver[body].any()]
    for body in resting:
        if body not in shivering:
            background, _ = paint(background, looks[body], scene.rest[body])
    images, masks = [], []
    for frame, phase in enumerate(phases):
        image, mask = background, np.zeros(background.shape[:2], np.float32)
        for body in shivering:
            image, _ = paint(image, looks[body], _shifted(scene.rest[body], shiver[body, frame]))
        for body in sorted(courses, reverse=True):
            image, covered = paint(image, looks[body], courses[body](phase))
            mask = np.maximum(mask, covered)
        images.append(np.rint(image).clip(0, 255).astype(np.uint8))
        masks.append(mask >= 0.5)
    return np.stack(images), np.stack(masks)


def _shifted(pose: Pose, offset: np.ndarray) -> Pose:
    return replace(pose, x=pose.x + offset[0], y=pose.y + offset[1])


def _boxes(masks: np.ndarray) -> np.ndarray:
    """Boxes around T×H×W masks, each with at least one pixel set: int64, T×4, x0, y0, x1, y1."""
    boxes = []
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return np.array(boxes, dtype=np.int64)
