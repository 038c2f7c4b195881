from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.logging import HistoryBuffer

from mmaction.engine.growing_history import GrowingHistory

NUMBERS = st.floats(-1e6, 1e6)


@given(
    start=st.lists(NUMBERS, max_size=5),
    added=st.lists(st.tuples(NUMBERS, st.integers(1, 9)), min_size=1, max_size=200),
    most=st.integers(1, 150),
)
def test_it_says_what_mmengines_says(
    start: list[float], added: list[tuple[float, int]], most: int
) -> None:
    start = start[:most]
    expected, got = (
        kind(start, [1] * len(start), most) for kind in (HistoryBuffer, GrowingHistory)
    )
    for value, count in added:
        expected.update(value, count)
        got.update(value, count)
    for ours in (got, copy.deepcopy(got)):
        for one, other in zip(expected.data, ours.data, strict=True):
            np.testing.assert_array_equal(one, other)
        for window in (None, 1, 7):
            assert ours.mean(window) == expected.mean(window)
        assert ours.current() == added[-1][0]


def test_values_stay_where_they_are() -> None:
    """After a thousand values, the next thousand need no new arrays but one."""
    history = GrowingHistory([0.0] * 1000, [1] * 1000)
    history.update(1.0)
    before = history.data[0]
    for _ in range(900):
        history.update(2.0)
    assert np.shares_memory(before, history.data[0])


@pytest.mark.parametrize(("value", "count"), [("1", 1), (1.0, 0.5)])
def test_no_number(value: object, count: object) -> None:
    with pytest.raises(TypeError, match="expected a number and an int"):
        GrowingHistory().update(value, count)  # type: ignore[arg-type]
