"""Noise taken out of a curve, lightly."""

from __future__ import annotations

import numpy as np

POINTS_A_NEIGHBOUR = 50


def window_of(points: int) -> int:
    """How many points are averaged in a curve of so many: odd, about a 25th of them, 1 to 25: 1."""
    return 2 * round(points / POINTS_A_NEIGHBOUR) + 1


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Mean of each value and its neighbours, as many before it as after it.

    At the ends the window becomes smaller on both sides alike, so that the curve keeps its ends and
    lags nowhere. NaN are left out of means, and stay NaN themselves.

    Args:
        values: float, S.
        window: Odd, 1 or more.

    Returns:
        float64, S.
    """
    reach = window // 2
    smooth = np.full(len(values), np.nan)
    for index in np.flatnonzero(~np.isnan(values)):
        near = min(reach, index, len(values) - 1 - index)
        part = values[index - near : index + near + 1]
        smooth[index] = part[~np.isnan(part)].mean()
    return smooth
