from __future__ import annotations

import os
import signal
import subprocess
import sys
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


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_processes_end_with_one_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, time, sys\n"
        "from mmaction.dataprep.worker_pool import each\n"
        "def work(n):\n"
        f"    open(os.path.join({str(tmp_path)!r}, str(os.getpid())), 'w').close()\n"
        "    time.sleep(60)\n"
        "list(each(work, range(4), jobs=2))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    process.kill()
    process.wait()
    assert len(workers) == 2
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers))


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
