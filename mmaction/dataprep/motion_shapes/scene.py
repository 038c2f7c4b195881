"""What stands where in a video, and how it moves for each action.

Every video is staged for all twelve classes alike: a pair (body 0 can slide over body 1), a mover
(body 2) with room to move left and up, in two of five videos a bystander (body 3). Each action
has a phase in [0, 1]. The class's own phase runs; every other one is frozen where a random frame
of its action would have it. So single frames have the same distribution in every class: the label
says which phase RUNS, and no frame shows that.

Lengths are for frames of 64×64 pixels and grow with the frame, x to the right, y down; angles in
radians, clockwise on screen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np

from mmaction.dataprep.motion_shapes.classes import CLASSES, draw_rest_phase

REFERENCE_SIZE = 64
UPPER, LOWER, MOVER = range(3)
UP = -np.pi / 2

# The pair of classes whose actor turns; the others' go straight. Phases between which the way is
# looked at as if it were straight.
TURNING = CLASSES.index("rotate_clockwise") // 2
_STRAIGHT, _BENT = (0, 1), np.linspace(0, 1, 9)

# Places are drawn this many at a time, this many times, before all else is drawn anew.
_CANDIDATES = 1024
_BATCHES = 2
# How near the circles around two bodies may come, in their touching distance: outlines fill
# their circle only in part.
_CLEARANCE = 0.93

# What turns does so about a point this share of its reach from its centre, towards its tail.
PIVOT = 0.6
# Halfway through its turn it points up, but for this much.
_LEAN = np.radians(35)


@dataclass(frozen=True)
class Pose:
    """Where a body is: its centre, the reach of its outline, how far it is turned.

    Each is a float64 scalar, or an array of candidates while a scene is being staged.
    """

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    angle: np.ndarray


Course = Callable[[float], Pose]
"""A body's pose by the phase of its action."""


@dataclass(frozen=True)
class Scene:
    """A staged video.

    Attributes:
        rest: The bodies' poses, three or four.
        direction: Of the line from body 1 to body 0.
        apart, together: Distance of their centres at phase 0 and 1 of their coming together.
        met: The phase of it at which they rest.
        travel: How far body 2 moves, left or up.
        left, up: The phases of these two ways at which it rests.
        single: The body that grows or turns.
        small, large: Its reach before and after it has grown.
        turn: How far it turns, its head passing over the top.
        turned: The phase of the turn at which it rests.
    """

    rest: tuple[Pose, ...]
    direction: np.ndarray
    apart: float
    together: float
    met: float
    travel: float
    left: float
    up: float
    single: int
    small: float
    large: float
    turn: float
    turned: float

    def action(self, label: int) -> dict[int, Course]:
        """The actors of a class and their courses, as its even label plays them."""
        upper, lower, mover = self.rest[UPPER], self.rest[LOWER], self.rest[MOVER]
        single = self.rest[self.single]
        middle = replace(lower, x=(upper.x + lower.x) / 2, y=(upper.y + lower.y) / 2)
        growth = self.large / self.small
        return (
            {MOVER: lambda phase: replace(mover, x=mover.x + (self.left - phase) * self.travel)},
            {MOVER: lambda phase: replace(mover, y=mover.y + (self.up - phase) * self.travel)},
            {self.single: lambda phase: replace(single, radius=self.small * growth**phase)},
            {self.single: self._turning(single)},
            {UPPER: self._beside(upper, middle, 0.5), LOWER: self._beside(lower, middle, -0.5)},
            {UPPER: self._beside(upper, lower, 1), LOWER: lambda phase: lower},
        )[label // 2]

    def _turning(self, body: Pose) -> Course:
        """A turn about a point towards the body's tail."""
        arm = PIVOT * body.radius

        def course(phase: float) -> Pose:
            angle = body.angle + (phase - self.turned) * self.turn
            return replace(
                body,
                x=body.x + arm * (np.cos(angle) - np.cos(body.angle)),
                y=body.y + arm * (np.sin(angle) - np.sin(body.angle)),
                angle=angle,
            )

        return course

    def _beside(self, body: Pose, origin: Pose, share: float) -> Course:
        """A course at ``share`` of the pair's distance from ``origin``."""

        def course(phase: float) -> Pose:
            reach = share * _pair_distance(self.apart, self.together, phase)
            return replace(
                body,
                x=origin.x + reach * np.cos(self.direction),
                y=origin.y + reach * np.sin(self.direction),
            )

        return course

    def fits(self) -> np.ndarray:
        """Whether every action keeps within the frame and clear of who takes no part in it."""
        fits = np.all([_inside(pose) for pose in self.rest], axis=0)
        for label in range(0, len(CLASSES), 2):
            if not fits.any():
                break
            actors = self.action(label)
            others = [pose for body, pose in enumerate(self.rest) if body not in actors]
            for course in actors.values():
                ways = [course(phase) for phase in (_BENT if label // 2 == TURNING else _STRAIGHT)]
                fits &= np.all([_inside(pose) for pose in ways], axis=0)
                for (begin, end), other in product(pairwise(ways), others):
                    fits &= _clear(begin, end, other)
        return fits


def _pair_distance(apart: float, together: float, phase: float) -> float:
    """Distance of a pair's centres at a phase of their coming together."""
    return apart + (together - apart) * phase


def _inside(pose: Pose) -> np.ndarray:
    nearest = np.minimum(np.minimum(pose.x, pose.y), REFERENCE_SIZE - np.maximum(pose.x, pose.y))
    return nearest >= pose.radius


def _clear(begin: Pose, end: Pose, other: Pose) -> np.ndarray:
    """Whether the straight way from ``begin`` to ``end`` passes clear of ``other``."""
    way_x, way_y = end.x - begin.x, end.y - begin.y
    to_x, to_y = other.x - begin.x, other.y - begin.y
    length = np.maximum(way_x**2 + way_y**2, 1e-9)
    nearest = np.clip((way_x * to_x + way_y * to_y) / length, 0, 1)
    distance = np.hypot(to_x - nearest * way_x, to_y - nearest * way_y)
    return distance >= _CLEARANCE * (np.maximum(begin.radius, end.radius) + other.radius)


def draw_scene(rng: np.random.Generator, frames: int) -> Scene:
    """Stage a video of ``frames`` frames: the same for every class."""
    count = 4 if rng.random() < 0.4 else 3
    met, left, up, turned = (draw_rest_phase(rng, frames) for _ in range(4))
    # One of a pair grows or turns only where the two are apart.
    single = int(rng.integers(0 if met < 0.02 else MOVER, count))
    while True:
        scene = _draw_sizes(rng, [draw_rest_phase(rng, frames) for _ in range(count)], single)
        scene = replace(scene, met=met, left=left, up=up, turned=turned)
        halfway = UP + rng.uniform(-_LEAN, _LEAN)
        turning = replace(scene.rest[single], angle=halfway + (turned - 0.5) * scene.turn)
        scene = replace(scene, rest=(*scene.rest[:single], turning, *scene.rest[single + 1 :]))
        for _ in range(_BATCHES):
            candidates = _draw_places(rng, scene)
            fitting = np.flatnonzero(candidates.fits())
            if len(fitting):
                return _pick(candidates, int(fitting[0]))


def _draw_sizes(rng: np.random.Generator, grown: list[float], single: int) -> Scene:
    """Draw sizes, angles and distances, no places yet; ``grown`` is each body's phase of growth."""
    count = len(grown)
    middle = rng.uniform(8.4, 9.6, count)
    growth = rng.uniform(1.8, 2.1, count)
    small, large = middle / np.sqrt(growth), middle * np.sqrt(growth)
    radius = small * growth**grown
    if radius[UPPER] < radius[LOWER]:  # what covers is no smaller than what it covers
        for lengths in (small, large, radius):
            lengths[[UPPER, LOWER]] = lengths[[LOWER, UPPER]]
    zero = np.zeros(())
    angles = rng.uniform(0, 2 * np.pi, count)
    turn = float(np.radians(rng.uniform(140, 200)))
    return Scene(
        rest=tuple(Pose(zero, zero, r, a) for r, a in zip(radius, angles, strict=True)),
        direction=zero,
        apart=float(max(22, radius[UPPER] + radius[LOWER] + rng.uniform(2, 6))),
        together=float(rng.uniform(0, 3)),
        met=0.0,
        travel=float(rng.uniform(17.5, 21)),
        left=0.0,
        up=0.0,
        single=single,
        small=float(small[single]),
        large=float(large[single]),
        turn=turn,
        turned=0.0,
    )


def _draw_places(rng: np.random.Generator, scene: Scene) -> Scene:
    """Draw many candidates of where the bodies are; not yet all of them fit."""
    margins = [[pose.radius] * 4 for pose in scene.rest]
    # The mover's margins also hold its way left and up: left, top, right, bottom.
    ways = np.array([1 - scene.left, 1 - scene.up, scene.left, scene.up]) * scene.travel
    margins[MOVER] = list(scene.rest[MOVER].radius + ways)
    poses = []
    for pose, (left, top, right, bottom) in zip(scene.rest, margins, strict=True):
        x = rng.uniform(left, REFERENCE_SIZE - right, _CANDIDATES)
        y = rng.uniform(top, REFERENCE_SIZE - bottom, _CANDIDATES)
        poses.append(replace(pose, x=x, y=y))
    direction = rng.uniform(0, 2 * np.pi, _CANDIDATES)
    distance = _pair_distance(scene.apart, scene.together, scene.met)
    lower = poses[LOWER]
    poses[UPPER] = replace(
        poses[UPPER],
        x=lower.x + distance * np.cos(direction),
        y=lower.y + distance * np.sin(direction),
    )
    return replace(scene, rest=tuple(poses), direction=direction)


def _pick(candidates: Scene, index: int) -> Scene:
    rest = tuple(replace(pose, x=pose.x[index], y=pose.y[index]) for pose in candidates.rest)
    return replace(candidates, rest=rest, direction=candidates.direction[index])
