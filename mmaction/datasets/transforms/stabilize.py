"""Taking the camera's motion out of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from mmaction.datasets.transforms.pipeline import Results, Transform
from mmaction.errors import ConfigError, near
from mmaction.ops.global_motion import MOTION_MODELS, global_motion, warped
from mmaction.registry import TRANSFORMS

# A frame of which less is left in the picture stays as it is.
_LEAST_SEEN = 0.25
_UNSEEN = 256  # above all grey levels


@TRANSFORMS.register_module()
class Stabilize(Transform):
    """Move each frame of a clip onto its middle one, so that the world stands still in it.

    The motion from frame to frame is estimated (``ops.global_motion``) and chained up to the middle
    frame. Pixels that a moved frame does not reach show their median over the frames that do. From
    where a motion can't be estimated on, such as a cut, frames stay as they are.

    It comes after ``DecodeFrames``, holds a clip's frames at a time, and goes for training and
    testing alike: what a network learns of steady clips holds for steady clips. Sheets, films and
    pages show the maps where they belong in the frames as they were filmed.

    Args:
        model: What a camera's motion may be: ``translation``, ``similarity`` (with roll and zoom)
            or ``homography`` (a plane seen from anywhere).

    Raises:
        ConfigError: A model that is none of these.
    """

    needs = ("frames", "frame_slots")

    def __init__(self, *, model: str = "similarity") -> None:
        if model not in MOTION_MODELS:
            raise ConfigError(f"Stabilize: model={model!r} is unknown{near(model, MOTION_MODELS)}")
        self.model = model

    def __call__(self, results: Results) -> Results:
        """Moves the frames by ``motions``, which are estimated where there are none yet."""
        if "motions" not in results:
            results = self.estimate(results)
        frames, slots = list(results["frames"]), results["frame_slots"]
        steady = [
            moved_and_filled([frames[slot] for slot in row], motions)
            for row, motions in zip(slots, results["motions"], strict=True)
        ]
        results["frames"] = [frame for clip in steady for frame in clip]
        results["frame_slots"] = np.arange(slots.size).reshape(slots.shape)
        return results

    def estimate(self, results: Results) -> Results:
        """Adds ``motions``, float64 clips×T×3×3, and ``unsteady``: how many are not known.

        They go from a frame's pixels to the middle frame's; not known, they are the identity.
        """
        # Sources decode each frame where the last one was.
        frames, slots = [frame.copy() for frame in results["frames"]], results["frame_slots"]
        gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
        pairs: dict[tuple[int, int], np.ndarray | None] = {}
        for row in slots.tolist():
            for pair in pairwise(row):
                if pair not in pairs:
                    before, after = (gray[slot] for slot in pair)
                    pairs[pair] = global_motion(before, after, model=self.model)
        shape = gray[0].shape
        chained = [
            _chained([pairs[pair] for pair in pairwise(row)], shape) for row in slots.tolist()
        ]
        results["frames"] = frames
        results["unsteady"] = sum(motion is None for clip in chained for motion in clip)
        results["motions"] = np.stack(
            [[np.eye(3) if motion is None else motion for motion in clip] for clip in chained]
        )
        return results


def _chained(steps: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> list[np.ndarray | None]:
    """From each of T frames to the middle one, of the T − 1 steps between them."""
    middle = (len(steps) + 1) // 2
    motions: list[np.ndarray | None] = [None] * (len(steps) + 1)
    motions[middle] = np.eye(3)
    for frame in range(middle - 1, -1, -1):
        motions[frame] = _joined(motions[frame + 1], steps[frame], shape)
    for frame in range(middle + 1, len(motions)):
        step = steps[frame - 1]
        back = None if step is None else np.linalg.inv(step)
        motions[frame] = _joined(motions[frame - 1], back, shape)
    return motions


def _joined(
    after: np.ndarray | None, before: np.ndarray | None, shape: tuple[int, ...]
) -> np.ndarray | None:
    if after is None or before is None:
        return None
    joined = after @ before
    # A picture of few pixels tells the share as well.
    across, down = np.array(shape[::-1]) / 16
    small = np.diag([1 / across, 1 / down, 1]) @ joined @ np.diag([across, down, 1])
    _, seen = warped(np.zeros((16, 16), np.uint8), small)
    return joined if seen.mean() >= _LEAST_SEEN else None


def moved_and_filled(frames: Sequence[np.ndarray], motions: np.ndarray) -> list[np.ndarray]:
    """Frames moved, the gaps filled by what other frames show there, by the median.

    Args:
        frames: T times uint8, H×W×3.
        motions: float64, T×3×3, from their pixels to the result's; one of them is the identity.
    """
    steady = [np.array_equal(motion, np.eye(3)) for motion in motions]
    if all(steady):
        return list(frames)
    height, width, channels = frames[0].shape
    clip = np.empty((len(frames), height * width, channels), np.uint8)
    known = np.ones((len(frames), height * width), bool)
    for t, (frame, motion) in enumerate(zip(frames, motions, strict=True)):
        moved, seen = (frame, known[t]) if steady[t] else warped(frame, motion)
        clip[t], known[t] = moved.reshape(-1, channels), seen.ravel()
    gaps = np.flatnonzero(~known.all(axis=0))
    values, there = clip.take(gaps, axis=1), known.take(gaps, axis=1)
    ranked = np.sort(np.where(there[..., None], values.astype(np.int16), _UNSEEN), axis=0)
    lower = (there.sum(axis=0) - 1) // 2  # the lower one of two in the middle
    median = np.take_along_axis(ranked, lower[None, :, None], axis=0)[0].astype(np.uint8)
    for frame, seen in zip(clip, there, strict=True):
        frame[gaps[~seen]] = median[~seen]
    return list(clip.reshape(-1, height, width, channels))
