"""One video with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mmaction.dataprep.motion_shapes.camera import Camera, draw_camera, draw_drift
from mmaction.dataprep.motion_shapes.classes import draw_phases
from mmaction.dataprep.motion_shapes.drawing import (
    Look,
    draw_background,
    draw_looks,
    draw_world,
    paint,
)
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
        actor_boxes: int64, T×4: x0, y0, x1, y1 around the mask, in pixels, x1 and y1 excluded;
            zeros where a moving camera leaves nothing of it in the picture.
        action_interval: First frame of the action and first frame after it, counted from 0.
        distractor_masks: bool, T×H×W: what is to be seen of the body that drifts, and of a mark;
            None: there is neither.
        camera: float64, T×2×3: from pixels of the stage to pixels of the frame, the first of which
            spans [0, 1); None: it stands still, and they are the same.
        mark_label: The class that a mark in a corner tells; None: there is no mark.
    """

    frames: np.ndarray
    label: int
    actor_masks: np.ndarray
    actor_boxes: np.ndarray
    action_interval: tuple[int, int]
    distractor_masks: np.ndarray | None = None
    camera: np.ndarray | None = None
    mark_label: int | None = None


@dataclass(frozen=True)
class _Cast:
    """Who is in a scene: bodies by their looks, of which resting ones may shiver, and a drifter."""

    looks: list[Look]
    shiver: np.ndarray
    drifter: Look | None
    drift: list[Pose]


def make_video(
    rng: np.random.Generator,
    label: int,
    *,
    frames: int = 24,
    size: int = 64,
    camera: str = "still",
    busy: bool = False,
) -> Video:
    """Make a video; all its randomness comes from ``rng`` and none of it depends on the label.

    From generators in the same state, the two labels of a pair (2i, 2i + 1) give films that are
    each other played backwards, and other labels give other actions on the same stage.

    Args:
        rng: Source of randomness.
        label: Class id in [0, 12).
        frames: T, at least `MIN_FRAMES`.
        size: H and W, at least `MIN_SIZE`.
        camera: One of `CAMERAS`; one that moves sees a part of a textured world.
        busy: Whether one more body drifts through at a constant pace, behind all others.
    """
    phases = draw_phases(rng, frames)
    scene = draw_scene(rng, frames)
    moves = camera != "still"
    world = draw_world(rng, size) if moves else draw_background(rng, size)
    looks = draw_looks(rng, len(scene.rest))
    shiver = _draw_shiver(rng, len(looks), frames)
    path = draw_camera(rng, camera, scene, label, phases) if moves else None
    drift = draw_drift(rng, frames) if busy else []
    drifter = draw_looks(rng, 1, beside=looks)[0] if busy else None

    cast = _Cast(looks, shiver, drifter, drift)
    images, masks, drifting = _film(phases, scene, label, world, cast, path)
    matrices = None if path is None else path.matrices(size)
    acting = np.flatnonzero((phases > 0) & (phases < 1)).tolist()
    start, stop = acting[0], acting[-1] + 1
    if label % 2:
        images, masks, drifting = images[::-1], masks[::-1], drifting[::-1]
        matrices = None if matrices is None else matrices[::-1].copy()
        start, stop = frames - stop, frames - start
    return Video(
        frames=images.copy(),
        label=label,
        actor_masks=masks.copy(),
        actor_boxes=boxes_around(masks),
        action_interval=(start, stop),
        distractor_masks=drifting.copy() if busy else None,
        camera=matrices,
    )


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
    world: np.ndarray,
    cast: _Cast,
    camera: Camera | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paint the action forwards.

    Returns:
        Its frames, uint8 T×H×W×3, its actors' masks and what is seen of the drifter, bool T×H×W.
    """
    courses = scene.action(label)
    by_depth = range(len(cast.looks))[::-1]  # body 1 before body 0, which covers it
    resting = [body for body in by_depth if body not in courses]
    shivering = [body for body in resting if cast.shiver[body].any()]
    standing = [body for body in resting if body not in shivering]
    if camera is None and cast.drifter is None:  # painted once, for all frames
        for body in standing:
            world, _ = paint(world, cast.looks[body], scene.rest[body])
        standing = []
    images, masks, drifting = [], [], []
    for frame, phase in enumerate(phases):
        image = world if camera is None else camera.view(world, frame)
        mask, free = (np.zeros(image.shape[:2], np.float32) for _ in range(2))
        if cast.drifter is not None:
            drift = cast.drift[frame]
            image, free = paint(image, cast.drifter, _seen(camera, drift, frame))
        for body in (*standing, *shivering, *sorted(courses, reverse=True)):
            acts = body in courses
            pose = courses[body](phase) if acts else scene.rest[body]
            pose = pose if acts else _shifted(pose, cast.shiver[body, frame])
            image, covered = paint(image, cast.looks[body], _seen(camera, pose, frame))
            free = free * (1 - covered)
            mask = np.maximum(mask, covered) if acts else mask
        images.append(np.rint(image).clip(0, 255).astype(np.uint8))
        masks.append(mask >= 0.5)
        drifting.append(free >= 0.5)
    return np.stack(images), np.stack(masks), np.stack(drifting)


def _seen(camera: Camera | None, pose: Pose, frame: int) -> Pose:
    return pose if camera is None else camera.seen(pose, frame)


def _shifted(pose: Pose, offset: np.ndarray) -> Pose:
    return replace(pose, x=pose.x + offset[0], y=pose.y + offset[1])


def boxes_around(masks: np.ndarray) -> np.ndarray:
    """Boxes around T×H×W masks, zeros around nothing: int64, T×4, x0, y0, x1, y1."""
    boxes = []
    for mask in masks:
        if not mask.any():
            boxes.append((0, 0, 0, 0))
            continue
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return np.array(boxes, dtype=np.int64)
