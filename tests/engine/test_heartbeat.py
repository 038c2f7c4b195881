from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from torch.distributed import TCPStore

from mmaction.engine.heartbeat import EXIT_LOST, Heartbeat

MakeHeartbeat = Callable[..., Heartbeat]
INTERVAL_SEC = 0.25


@pytest.fixture
def hearts(free_port: int) -> Iterator[MakeHeartbeat]:
    """``hearts(rank, world_size)`` of one run, in this process; ``ended`` has who gave up."""
    server = TCPStore("127.0.0.1", free_port, is_master=True, wait_for_workers=False)
    made = []

    def make(rank: int, world_size: int, ended: list[tuple[int, int]]) -> Heartbeat:
        store = TCPStore("127.0.0.1", free_port, is_master=False, wait_for_workers=False)
        made.append(
            Heartbeat(
                store,
                rank=rank,
                world_size=world_size,
                silence_sec=2,
                interval_sec=INTERVAL_SEC,
                end=lambda code: ended.append((rank, code)),
            )
        )
        return made[-1]

    yield make
    for heart in reversed(made):
        heart.stop()
    del server


def test_those_that_live_or_leave_are_not_missed(hearts: MakeHeartbeat) -> None:
    ended: list[tuple[int, int]] = []
    first, second, third = (hearts(rank, 3, ended) for rank in range(3))
    for heart in (first, second, third):
        heart.start()
    third.leave()
    time.sleep(3)
    assert first.missing() == []
    assert ended == []


def test_a_silent_one_ends_all(hearts: MakeHeartbeat, capsys: pytest.CaptureFixture[str]) -> None:
    """The last of three never begins to beat: its neighbour sees it, the other hears of it."""
    ended: list[tuple[int, int]] = []
    first, second, third = (hearts(rank, 3, ended) for rank in range(3))
    third.working_on(7, "in training step 4")
    first.start()
    second.start()
    assert first.missing() == [2]
    time.sleep(3)
    assert sorted(ended) == [(0, EXIT_LOST), (1, EXIT_LOST)]
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: process 2 has given no sign of life for 2 s (its last: starting")


def test_the_one_with_the_least_work_done_is_behind(hearts: MakeHeartbeat) -> None:
    ended: list[tuple[int, int]] = []
    first, second, third = (hearts(rank, 3, ended) for rank in range(3))
    for heart, order, doing in ((first, 5, "at 5"), (second, 4, "at 4"), (third, 5, "at 5")):
        heart.working_on(order, doing)
        heart.start()
    time.sleep(2 * INTERVAL_SEC)
    assert first.furthest_behind() == "process 1 is behind: at 4"
    second.working_on(5, "at 5")
    assert second.furthest_behind() == "all processes are at the same place: at 5"
    time.sleep(2 * INTERVAL_SEC)
    assert first.furthest_behind() == "all processes are at the same place: at 5"
