from __future__ import annotations

import io

import pytest

from mmaction.progress import Progress


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(40.0, "4/4 videos, 10.0 s each, 40.0 s"), (0.5, "4/4 videos, 8/s, 0.5 s")],
)
def test_a_pace_is_told_by_what_is_longer(
    seconds: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 0.0, 0.0, seconds])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    with Progress("reading", 4, "videos", stream=stream) as progress:
        for _ in range(4):
            progress.advance()
    assert stream.getvalue() == f"reading: {said}\n"
