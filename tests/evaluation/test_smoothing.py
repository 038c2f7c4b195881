from __future__ import annotations

import numpy as np
import pytest

from mmaction.evaluation.smoothing import running_mean, window_of


def test_a_mean_counted_by_hand() -> None:
    """The ends stay, those beside them have one neighbour a side, the middle two."""
    smooth = running_mean(np.array([0.0, 3, 6, 0, 6, 9]), 5)
    np.testing.assert_allclose(smooth, [0, 3, 3, 24 / 5, 5, 9])


def test_a_line_stays_a_line_and_lags_nowhere() -> None:
    line = 2.0 * np.arange(50) + 1
    np.testing.assert_allclose(running_mean(line, 9), line)


def test_no_number_stays_none_and_spoils_none() -> None:
    smooth = running_mean(np.array([1.0, 2, np.nan, 4, 5]), 3)
    np.testing.assert_allclose(smooth, [1, 1.5, np.nan, 4.5, 5])


@pytest.mark.parametrize(
    ("points", "window"), [(0, 1), (1, 1), (25, 1), (50, 3), (100, 5), (1000, 41)]
)
def test_windows(points: int, window: int) -> None:
    assert window_of(points) == window
