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

    @property
    def clear(self) -> bool:
        """Whether it lies wholly on one side of 0."""
        return self.low > 0 or self.high < 0

    def text(self, *, signed: bool = False) -> str:
        """``0.532 [0.498, 0.566]``; a dash where there is no value."""
        if not self.videos:
            return "-"
        sign = "+" if signed else ""
        mean, low, high = (f"{value:{sign}.3f}" for value in (self.mean, self.low, self.high))
        return f"{mean} [{low}, {high}]"


def bootstrap_mean(values: np.ndarray, *, seed: int = 0, resamples: int = 10_000) -> Interval:
    """The mean of a value a video, with its interval.

    Args:
        values: float, N; NaN where a video has none, which leaves it out.
        seed: Of the draws.
        resamples: How often the videos are drawn again.
    """
    values = values[~np.isnan(values)].astype(np.float64)
    return bootstrap_ratio(values, np.ones_like(values), seed=seed, resamples=resamples)


def bootstrap_ratio(
    part: np.ndarray, whole: np.ndarray, *, seed: int = 0, resamples: int = 10_000
) -> Interval:
    """The ratio of two sums over the same videos, Σ part / Σ whole, with its interval.

    Args:
        part, whole: float, N, without NaN.
        seed: Of the draws.
        resamples: How often the videos are drawn again.
    """
    count = len(part)
    if count == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    rng = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_VALUES // count)
    ratios = []
    for start in range(0, resamples, chunk):
        drawn = rng.integers(count, size=(min(chunk, resamples - start), count))
        ratios.append(part[drawn].mean(axis=1) / whole[drawn].mean(axis=1))
    low, high = np.quantile(np.concatenate(ratios), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(float(part.mean() / whole.mean()), float(low), float(high), count)
