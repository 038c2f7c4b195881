"""A thousand requests: the server's memory stays what it was."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.frame_fixtures import write_film

MEGABYTES = 24  # of noise between two looks at a process's memory


def resident(process: int) -> float:
    """Megabytes of a process and those it has started."""
    status = Path(f"/proc/{process}/status").read_text()
    own = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return own + sum(resident(int(child)) for child in children)


@pytest.mark.slow
def test_a_thousand_requests_leave_nothing(
    start_server: Callable[..., Any], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    server = start_server(tiny_checkpoint, "--parallel", 20, "--max-megabytes", 1)
    film = write_film(tmp_path / "film.mp4", 50, step=5, width=320, height=240).read_bytes()
    given = [film, film, film[: len(film) // 2], bytes(2 << 20), film]
    took: list[float] = []

    def ask(number: int) -> int:
        begun = time.monotonic()
        asked: dict[str, Any] = {"to": "page"} if number % 5 == 4 else {"params": {"window_sec": 2}}
        status: int = server.post(given[number % len(given)], **asked).status_code
        if status == 200:
            took.append(time.monotonic() - begun)
        return status

    def look(requests: range, clients: int) -> float:
        with ThreadPoolExecutor(clients) as pool:
            statuses = Counter(pool.map(ask, requests))
        assert statuses.keys() <= {200, 413, 415, 429}
        assert server.alive()
        assert server.leftovers() == []
        return resident(server.process.pid)

    first = look(range(200), 50)  # threads and pools have been made
    last = look(range(200, 1000), 10)
    p50, p95 = np.percentile(took, (50, 95))
    print(f"{first:.0f} MB, then {last:.0f} MB; p50 {p50:.2f} s, p95 {p95:.2f} s")
    assert last - first < MEGABYTES
    assert last - look(range(50), 50) < MEGABYTES
