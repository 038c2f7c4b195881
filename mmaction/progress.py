"""How far long work has come."""

from __future__ import annotations

import time
from typing import TextIO


class Progress:
    """Prints how many of ``total`` are done, the rate and the time left.

    One line that is written over on a terminal, a line every few seconds elsewhere.
    """

    def __init__(self, title: str, total: int, unit: str, *, stream: TextIO) -> None:
        self._title = title
        self._total = total
        self._unit = unit
        self._stream = stream
        self._terminal = stream.isatty()
        self._pause_sec = 0.2 if self._terminal else 5.0
        self._done = 0
        self._start = self._printed = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            self._stream.write("\n")

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self._done += count
        now = time.monotonic()
        if self._done == self._total or now - self._printed >= self._pause_sec:
            self._printed = now
            self._print(max(now - self._start, 1e-9))

    def _print(self, elapsed_sec: float) -> None:
        rate = self._done / elapsed_sec
        left = f"{(self._total - self._done) / rate:.0f} s left"
        if self._done == self._total:
            left = f"{elapsed_sec:.1f} s"
        pace = f"{rate:.0f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
        text = f"{self._title}: {self._done}/{self._total} {self._unit}, {pace}, {left}"
        self._stream.write(f"\r{text}\x1b[K" if self._terminal else f"{text}\n")
        self._stream.flush()
