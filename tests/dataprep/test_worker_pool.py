from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from mmaction.dataprep.worker_pool import run_all
from mmaction.errors import DataError

ROOT = Path(__file__).resolve().parents[2]


def square(number: int) -> int:
    return number * number


def square_or_die(number: int) -> int:
    if number in (3, 11):
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def fail_or_sleep(seconds: float) -> None:
    if not seconds:
        raise DataError("none")
    time.sleep(seconds)


run = partial(run_all, title="squares", unit="numbers")


@pytest.mark.parametrize("chunk", [1, 6])
def test_every_task_has_its_result_in_order(chunk: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(square, range(20), jobs=3, chunk=chunk) == [n * n for n in range(20)]
    assert "squares: 20/20 numbers" in capsys.readouterr().err
    assert run(square, [], jobs=3, chunk=chunk) == []


@pytest.mark.parametrize(("jobs", "chunk"), [(1, 1), (3, 1), (2, 5)])
def test_a_dying_process_costs_its_own_task_only(jobs: int, chunk: int) -> None:
    results = run(square_or_die, range(20), jobs=jobs, chunk=chunk)
    assert results == [None if n in (3, 11) else n * n for n in range(20)]


def test_an_error_ends_all_at_once() -> None:
    start = time.monotonic()
    with pytest.raises(DataError, match="none"):
        run(fail_or_sleep, [60.0, 0.0, 60.0], jobs=2)
    assert time.monotonic() - start < 20
