from __future__ import annotations

import numpy as np
import pytest

from mmaction.explain.measures.bootstrap import Interval, bootstrap_mean


def test_the_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    """Of 300 samples of 60 draws, some 95 %; the percentile bootstrap is a little short there."""
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(300):
        found = bootstrap_mean(rng.exponential(size=60), seed=seed, resamples=500)
        held += found.low <= 1 <= found.high
    assert 0.90 <= held / 300 <= 0.98


def test_its_width_is_that_of_the_mean() -> None:
    """±1.96 standard errors, for many draws."""
    values = np.random.default_rng(1).normal(size=2000)
    found = bootstrap_mean(values)
    error = values.std() / np.sqrt(2000)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_pairs_take_out_what_they_share() -> None:
    rng = np.random.default_rng(2)
    hard, noise = 10 * rng.normal(size=50), rng.normal(size=50)
    found = bootstrap_mean((hard + 1 + 0.1 * noise) - hard)
    assert found.mean == pytest.approx(1 + 0.1 * noise.mean())
    assert 0.9 < found.low < found.high < 1.1


def test_videos_without_a_value_are_left_out() -> None:
    found = bootstrap_mean(np.array([1.0, np.nan, 3.0]))
    assert (found.mean, found.videos) == (2, 2)
    assert bootstrap_mean(np.array([np.nan])).videos == 0
    assert bootstrap_mean(np.array([1.0, np.nan]) - np.array([np.nan, 1.0])).videos == 0


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).random(20)
    assert bootstrap_mean(values, seed=4) == bootstrap_mean(values, seed=4)
    assert bootstrap_mean(values, seed=4) != bootstrap_mean(values, seed=5)


def test_how_intervals_are_shown() -> None:
    assert Interval(0.5, 0.25, 0.75, 9).text() == "0.500 [0.250, 0.750]"
    assert Interval(0.5, -0.25, 0.75, 9).text(signed=True) == "+0.500 [-0.250, +0.750]"
    nothing = Interval(np.nan, np.nan, np.nan, 0)
    assert nothing.text() == "-"
    assert Interval(0.5, 0.1, 0.9, 9).clear
    assert not Interval(0.5, -0.1, 0.9, 9).clear
    assert not nothing.clear
