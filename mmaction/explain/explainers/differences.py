"""Controls that see nothing but motion: what beats them has more to it than a motion detector.

Dimension letters: B clips, T frames, H×W pixels, h×w cells of a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmaction.explain.explainers.base import Explainer
from mmaction.explain.explainers.controls import CONTROL_GRID
from mmaction.explain.explainers.options import check, check_sizes
from mmaction.models.attention_priors import frame_change
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.ops.global_motion import MOTION_MODELS, global_motion, warped
from mmaction.registry import EXPLAINERS


@EXPLAINERS.register_module(name="frame_difference")
class FrameDifference(Explainer):
    """How much each cell changes, without any network: ``attention_priors.frame_change``.

    Args:
        grid: (h, w), cells of the map.
    """

    name: ClassVar[str] = "frame_difference"

    def __init__(self, *, grid: Sequence[int] = CONTROL_GRID) -> None:
        self.grid = check_sizes(self.name, "grid", grid, "hw")

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        height, width = self.grid
        return frame_change(clips, cells=(clips.shape[2], height, width))


@EXPLAINERS.register_module(name="compensated_difference")
class CompensatedDifference(FrameDifference):
    """``frame_difference`` after the camera's motion is taken out (``ops.global_motion``).

    Each neighbour is moved onto the frame before the two are compared, where both are seen; a pair
    whose motion can't be estimated is compared as it is.

    Args:
        grid: (h, w), cells of the map.
        motion: What a camera's motion may be: ``translation``, ``similarity`` or ``homography``.
    """

    name: ClassVar[str] = "compensated_difference"

    def __init__(self, *, grid: Sequence[int] = CONTROL_GRID, motion: str = "similarity") -> None:
        super().__init__(grid=grid)
        expected = f"one of {', '.join(MOTION_MODELS)}"
        self.motion = check(
            self.name, "motion", motion, fits=motion in MOTION_MODELS, expected=expected
        )

    def _explain(self, model: BaseRecognizer, clips: Tensor, target: Tensor) -> Tensor:
        changes = np.stack([self._change(clip) for clip in clips.float().cpu().numpy()])
        # A cell has its larger difference, to the frame before or to the one after.
        height, width = self.grid
        pooled = F.adaptive_avg_pool2d(torch.from_numpy(changes).flatten(0, 2), (height, width))
        return pooled.unflatten(0, changes.shape[:3]).amax(dim=1).to(clips.device)

    def _change(self, clip: np.ndarray) -> np.ndarray:
        """3×T×H×W to 2×T×H×W: what differs from the frame before, and from the one after."""
        frames = np.ascontiguousarray(np.moveaxis(clip, 0, -1))
        gray = frames.mean(axis=3)
        span = max(float(np.ptp(gray)), 1e-6)
        gray = np.rint((gray - gray.min()) * (255 / span)).astype(np.uint8)
        change = np.zeros((2, *gray.shape), np.float32)
        for t in range(1, len(frames)):
            motion = global_motion(gray[t - 1], gray[t], model=self.motion)
            motion = np.eye(3) if motion is None else motion
            change[0, t] = _difference(frames[t - 1], frames[t], motion)
            change[1, t - 1] = _difference(frames[t], frames[t - 1], np.linalg.inv(motion))
        return change


def _difference(other: np.ndarray, frame: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Mean over channels of what differs between H×W×3 pictures, 0 where one is not seen."""
    moved, seen = warped(other, motion)
    return np.abs(moved - frame).mean(axis=2) * seen
