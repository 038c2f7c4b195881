from __future__ import annotations

import socket
import threading
import time

import pytest

from mmaction.engine.roll_call import AbsentError, call_roll, named, open_store
from mmaction.errors import UserError


def test_all_go_on_once_the_last_has_come(free_port: int) -> None:
    host = open_store("127.0.0.1", free_port, host=True, timeout_sec=10)
    guests = [open_store("127.0.0.1", free_port, host=False, timeout_sec=10) for _ in range(2)]
    came: list[float] = []

    def come(rank: int, after_sec: float) -> None:
        time.sleep(after_sec)
        call_roll([host, *guests][rank], rank=rank, count=3, timeout_sec=10, kind="process")
        came.append(time.monotonic())

    start = time.monotonic()
    threads = [threading.Thread(target=come, args=(n, n / 2)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(came) == 3
    assert min(came) >= start + 1


def test_absent_ones_are_named(free_port: int) -> None:
    host = open_store("127.0.0.1", free_port, host=True, timeout_sec=10)
    with pytest.raises(AbsentError, match=r"^machine 1, 2 of 3 \(counted from 0\) has not come"):
        call_roll(host, rank=0, count=3, timeout_sec=0.3, kind="machine")


def test_no_answer(free_port: int) -> None:
    with pytest.raises(AbsentError, match=f"nothing answers at 127.0.0.1:{free_port} within 0.3 s"):
        open_store("127.0.0.1", free_port, host=False, timeout_sec=0.3)


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} can't be taken at 127.0.0.1 .*PORT"):
            open_store("127.0.0.1", port, host=True, timeout_sec=1)


def test_a_long_list_is_cut() -> None:
    assert named([3]) == "process 3"
    assert named(list(range(10)), "machine") == "machine 0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
