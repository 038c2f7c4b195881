"""How sure a mean over videos is: percentile bootstrap (B. Efron, 1979; Efron & Tibshirani, 1993).

The videos are drawn again with replacement, as many as there are; the interval spans the middle of
the means that come of it. Two explainers are compared on the same videos, by their differences:
what makes one video hard for both falls out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Means that are drawn at a time; bounds the memory.
_CHUNK_VALUES = 1 << 22
_LEVEL = 0.95  # share of the drawn means that the interval holds


@dataclass(frozen=True)
class Interval:
    """A mean and how sure it is.

    Attributes:
        mean: Over the videos that have a value; NaN where none has.
        low, high: The interval's ends.
        videos: How many have a value.
    """

    mean: float
    low: float
    high: float
    videos: int


def bootstrap_mean(values: np.ndarray, *, seed: int = 0, resamples: int = 10_000) -> Interval:
    """The mean of a value a video, with its interval.

    Args:
        values: float, N; NaN where a video has none, which leaves it out.
        seed: Of the draws.
        resamples: How often the videos are drawn again.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    count = len(values)
    if count == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    rng = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_VALUES // count)
    means = np.concatenate(
        [
            values[rng.integers(count, size=(min(chunk, resamples - start), count))].mean(axis=1)
            for start in range(0, resamples, chunk)
        ]
    )
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high), count)


def bootstrap_difference(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> Interval:
    """The mean of ``first - second``, video by video; takes the videos that have both.

    Args:
        first, second: float, N, of the same videos in the same order.
        seed: Of the draws.
    """
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return bootstrap_mean(difference, seed=seed)
