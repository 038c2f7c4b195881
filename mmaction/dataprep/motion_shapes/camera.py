"""How the camera moves while a scene is played, and what else moves in the world.

Nothing here tells an action: paths are as likely backwards as forwards and don't depend on the
label. Only a camera that follows moves with what it follows, and where that body stands in a frame
has the same distribution in every class (see ``scene``), so that no frame tells more than before.

Lengths are for pictures of 64×64 pixels, as in ``scene``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mmaction.dataprep.motion_shapes.scene import MOVER, REFERENCE_SIZE, Pose, Scene

CAMERAS = ("still", "pan", "zoom", "shake", "follow", "mixed")
"""``pan``: straight on; ``zoom``: in or out; ``shake``: a hand's sway, roll and jitter; ``follow``:
along with a body, from a hand; ``mixed``: all at once, less of each."""

_CENTRE = REFERENCE_SIZE / 2
_ZOOM = 0.85  # what a camera that moves shows beyond the stage, so that the actors stay in sight
_TRAVEL = 18, 30  # of a pan
_MAGNIFIED = 1.35, 1.7  # by a zoom, from end to end
_SWAY, _ROLL, _JITTER = 1.9, np.radians(2.5), 0.3
_PERIOD = 8, 20  # of a sway, in frames
_PARTS = {
    # Shares of a pan, a zoom and a shake; how much of the body's way is followed, at least.
    "pan": (1.0, 0.0, 0.25, None),
    "zoom": (0.0, 1.0, 0.25, None),
    "shake": (0.0, 0.0, 1.0, None),
    "follow": (0.0, 0.0, 0.5, 0.7),
    "mixed": (0.7, 0.5, 0.65, 0.0),
}


@dataclass(frozen=True)
class Camera:
    """Where the camera looks in each of T frames.

    Attributes:
        x, y: float64, T: the point of the stage in the middle of the picture.
        zoom: float64, T: pixels of the picture a unit of the stage.
        roll: float64, T: how far the stage is turned on screen, clockwise, in radians.
    """

    x: np.ndarray
    y: np.ndarray
    zoom: np.ndarray
    roll: np.ndarray

    def matrices(self, size: int) -> np.ndarray:
        """From pixels of the stage to pixels of the picture: float64, T×2×3.

        Both have ``size``×``size`` of them; the first spans [0, 1).
        """
        cos, sin = self.zoom * np.cos(self.roll), self.zoom * np.sin(self.roll)
        x, y = self.x * size / REFERENCE_SIZE, self.y * size / REFERENCE_SIZE
        shift_x, shift_y = size / 2 - cos * x + sin * y, size / 2 - sin * x - cos * y
        rows = [[cos, -sin, shift_x], [sin, cos, shift_y]]
        return np.moveaxis(np.array(rows), -1, 0)

    def seen(self, pose: Pose, frame: int) -> Pose:
        """A pose on the stage as one in the picture."""
        (a, b, c), (d, e, f) = self.matrices(REFERENCE_SIZE)[frame]
        return Pose(
            x=a * pose.x + b * pose.y + c,
            y=d * pose.x + e * pose.y + f,
            radius=pose.radius * self.zoom[frame],
            angle=pose.angle + self.roll[frame],
        )

    def view(self, world: np.ndarray, frame: int) -> np.ndarray:
        """What a frame shows of a world twice as wide and high as the stage in its middle.

        Args:
            world: float32, 2·size×2·size×3.
            frame: Which of T.

        Returns:
            float32, size×size×3.
        """
        size = len(world) // 2
        matrix = self.matrices(size)[frame]
        # OpenCV counts from the middle of the first pixel; the stage begins at size / 2.
        matrix[:, 2] += matrix[:, :2].sum(axis=1) * (0.5 - size / 2) - 0.5
        how = dict(flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return cv2.warpAffine(world, matrix, (size, size), **how)  # type: ignore[call-overload]


def draw_camera(
    rng: np.random.Generator, kind: str, scene: Scene, label: int, phases: np.ndarray
) -> Camera:
    """Draw a camera's path; the draws depend on nothing but ``kind`` and the number of frames.

    Args:
        rng: Source of randomness.
        kind: One of `CAMERAS` that moves.
        scene: Where the followed body is.
        label: What it does.
        phases: float64, T: of the action.
    """
    pan, zoom, shake, follow = _PARTS[kind]
    frames = len(phases)
    time = np.linspace(-0.5, 0.5, frames)
    heading = rng.uniform(0, 2 * np.pi)
    travel = pan * rng.uniform(*_TRAVEL) * time
    growth = zoom * rng.choice([-1, 1]) * np.log(rng.uniform(*_MAGNIFIED)) * time
    sway_x, sway_y, roll = (shake * _sway(rng, frames) for _ in range(3))
    x = _CENTRE + travel * np.cos(heading) + _SWAY * sway_x
    y = _CENTRE + travel * np.sin(heading) + _SWAY * sway_y
    if follow is not None:
        share = rng.uniform(follow, 1)
        way = np.array([_way(scene, label, phase) for phase in phases])
        x, y = x + share * way[:, 0], y + share * way[:, 1]
    return Camera(x, y, _ZOOM * np.exp(growth), _ROLL * roll)


def _sway(rng: np.random.Generator, frames: int) -> np.ndarray:
    """A wave with jitter, float64, T: as likely backwards as forwards."""
    period, start = rng.uniform(*_PERIOD), rng.uniform(0, 2 * np.pi)
    wave = np.sin(2 * np.pi * np.arange(frames) / period + start)
    return wave + rng.normal(0, _JITTER, frames)


def _way(scene: Scene, label: int, phase: float) -> tuple[float, float]:
    """How far the mover is from halfway on both of its ways, whether it now takes one or none."""
    rest = scene.rest[MOVER]
    course = scene.action(label).get(MOVER)
    pose = rest if course is None else course(phase)
    halfway_x = rest.x + (scene.left - 0.5) * scene.travel
    halfway_y = rest.y + (scene.up - 0.5) * scene.travel
    return float(pose.x - halfway_x), float(pose.y - halfway_y)


def draw_drift(rng: np.random.Generator, frames: int) -> list[Pose]:
    """Draw the poses on the stage of a body that crosses it at a constant pace: it doesn't act."""
    x, y = rng.uniform(0.2 * REFERENCE_SIZE, 0.8 * REFERENCE_SIZE, 2)
    heading, angle = rng.uniform(0, 2 * np.pi, 2)
    start = Pose(x, y, np.float64(rng.uniform(7, 12)), angle)
    way = rng.uniform(24, 42) * np.linspace(-0.5, 0.5, frames)
    return [replace(start, x=x + w * np.cos(heading), y=y + w * np.sin(heading)) for w in way]
