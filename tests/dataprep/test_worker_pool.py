from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from mmaction.dataprep.worker_pool import each
from mmaction.errors import DataError

ROOT = Path(__file__).resolve().parents[2]


def square(number: int) -> int:
    return number * number


def square_or_die(number: int) -> int:
    if number in (3, 11):
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def fail_at_two(number: int) -> int:
    if number == 2:
        raise DataError("two")
    return number


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def test_every_task_has_its_result() -> None:
    assert sorted(each(square, range(20), jobs=3)) == [(n, n * n) for n in range(20)]
    assert list(each(square, [], jobs=3)) == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_dying_process_costs_its_own_task_only(jobs: int) -> None:
    results = dict(each(square_or_die, range(20), jobs=jobs))
    assert results == {n: None if n in (3, 11) else n * n for n in range(20)}


def test_an_error_ends_it() -> None:
    with pytest.raises(DataError, match="two"):
        list(each(fail_at_two, range(6), jobs=2))


def test_closing_ends_the_work_at_once() -> None:
    start = time.monotonic()
    with closing(each(sleep, [0.0, 60.0, 60.0], jobs=2)) as outcomes:
        next(outcomes)
    assert time.monotonic() - start < 20
