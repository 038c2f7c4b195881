"""The camera's motion from one picture to the next, estimated from the pixels alone.

Corners (Shi & Tomasi, CVPR 1994) are tracked by sparse optical flow in a pyramid (Lucas & Kanade,
IJCAI 1981), and the one motion that most of them agree on is found by RANSAC (Fischler & Bolles,
1981), all by OpenCV: what moves by itself is outvoted. Deterministic.

Matrices are homogeneous, 3×3, on pixels counted from the middle of the first one, as OpenCV has it.
"""

from __future__ import annotations

import cv2
import numpy as np

MOTION_MODELS = ("translation", "similarity", "homography")

# Larger pictures are made smaller first: the motion of all is no finer for more pixels.
_SHORT_SIDE = 128
_CORNERS, _QUALITY, _APART = 200, 0.01, 3
_WINDOW, _LEVELS = (9, 9), 3
_TOLERANCES = 0.35, 1.0  # of RANSAC, in pixels; the second where the first finds too few
# Fewer corners, or a smaller share of those that are tracked, say nothing of all.
_MOST_DIFFERENT = 24  # grey levels; what moves by itself differs by more, and counts no more
_LEAST, _LEAST_SHARE = 8, 0.35


def global_motion(before: np.ndarray, after: np.ndarray, *, model: str) -> np.ndarray | None:
    """The motion that takes one picture to the next.

    Args:
        before, after: uint8, H×W, grey.
        model: One of :data:`MOTION_MODELS`.

    Returns:
        float64, 3×3: from pixels of ``before`` to those of ``after``; None where most of what can
        be tracked agrees on none, such as at a cut or in fog.
    """
    if np.array_equal(before, after):
        return np.eye(3)
    scale = min(1.0, _SHORT_SIDE / min(before.shape))
    if scale < 1:
        before, after = (
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            for picture in (before, after)
        )
    corners = cv2.goodFeaturesToTrack(before, _CORNERS, _QUALITY, _APART)
    if corners is None or len(corners) < _LEAST:
        return None
    moved, found, _ = cv2.calcOpticalFlowPyrLK(  # type: ignore[call-overload]
        before, after, corners, None, winSize=_WINDOW, maxLevel=_LEVELS
    )
    tracked = found[:, 0] > 0
    start, end = corners[tracked, 0].astype(np.float64), moved[tracked, 0].astype(np.float64)
    if len(start) < _LEAST:
        return None
    least = max(_LEAST, _LEAST_SHARE * len(corners))
    fitted = (_fitted(start, end, model, tolerance) for tolerance in _TOLERANCES)
    matrix = next((found for found, agree in fitted if agree >= least), None)
    if matrix is None:
        return None
    moved, seen = warped(before, matrix)
    if _differ(moved, after)[seen].mean() >= _differ(before, after).mean():
        return np.eye(3)  # few corners but those of who acts
    # From the pixels of a smaller picture to those of the whole.
    whole = np.array([[scale, 0, scale / 2 - 0.5], [0, scale, scale / 2 - 0.5], [0, 0, 1]])
    return np.linalg.inv(whole) @ matrix @ whole


def _fitted(
    start: np.ndarray, end: np.ndarray, model: str, tolerance: float
) -> tuple[np.ndarray | None, int]:
    """A motion of N×2 points, 3×3, and how many agree with it within so many pixels."""
    if model == "homography":
        matrix, inliers = cv2.findHomography(start, end, cv2.RANSAC, tolerance)
    elif model == "similarity":
        matrix, inliers = cv2.estimateAffinePartial2D(
            start, end, method=cv2.RANSAC, ransacReprojThreshold=tolerance
        )
    else:
        steps = end - start
        # Twice as far: a camera that also rolls or zooms is followed as well as may be.
        inliers = np.hypot(*(steps - np.median(steps, axis=0)).T) <= 2 * tolerance
        matrix = None
        if inliers.any():
            matrix = np.hstack([np.eye(2), steps[inliers].mean(axis=0)[:, None]])
    if matrix is None:
        return None, 0
    matrix = matrix if len(matrix) == 3 else np.vstack([matrix, (0, 0, 1)])
    return matrix, int(inliers.sum())


def _differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.minimum(cv2.absdiff(one, other), _MOST_DIFFERENT)


def warped(picture: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture moved, bilinearly, and which pixels of the result it covers.

    Args:
        picture: uint8 or float32, H×W or H×W×C.
        matrix: float64, 3×3, from its pixels to the result's.

    Returns:
        The type and shape of ``picture``, 0 where it does not reach; and bool, H×W.
    """
    size = picture.shape[1::-1]
    affine = bool((matrix[2] == (0, 0, 1)).all())
    move = cv2.warpAffine if affine else cv2.warpPerspective
    matrix = matrix[:2] if affine else matrix
    # A pixel counts that is made of the picture's alone.
    seen = move(np.full(picture.shape[:2], 255, np.uint8), matrix, size) == 255
    return move(picture, matrix, size), seen
