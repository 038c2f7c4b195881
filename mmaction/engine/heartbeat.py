"""Signs of life between the processes of a run, so that a lost one is noticed and named.

A process that has ended, or whose machine is cut off, leaves the others waiting for it in an
exchange: over NCCL until a timeout of many minutes, over gloo likewise where the network drops the
connection without a word. A thread of each process therefore writes a sign of life to the store
that the processes met at, and watches its neighbour's; that goes on while the process itself waits.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from torch.distributed import DistError, PrefixStore, Store

from mmaction.engine.roll_call import named

INTERVAL_SEC = 1.0
# How long the first process, which keeps the store, waits for the others to end too.
FAREWELL_SEC = 10.0
LEFT, LOST = b"left", "lost"
EXIT_LOST = 1


@dataclass(frozen=True)
class Sign:
    """A sign of life.

    Attributes:
        beat: Counts up; none is seen twice of a process that lives.
        order: Of the work: the process with the least is behind.
        doing: The work in words.
    """

    beat: int
    order: int
    doing: str

    def encoded(self) -> str:
        return f"{self.beat}|{self.order}|{self.doing}"

    @classmethod
    def decoded(cls, text: bytes) -> Sign:
        beat, order, doing = text.decode().split("|", 2)
        return cls(int(beat), int(order), doing)


class Heartbeat:
    """Gives this process's signs of life and ends it when another one's stop.

    Args:
        store: A connection that nobody else uses.
        rank: Of this process.
        world_size: Number of processes.
        silence_sec: After how long without a sign a process counts as lost.
        interval_sec: From one sign to the next.
        end: What to do then; it does not return.
    """

    def __init__(
        self,
        store: Store,
        *,
        rank: int,
        world_size: int,
        silence_sec: float,
        interval_sec: float = INTERVAL_SEC,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        self._store = PrefixStore("heartbeat", store)
        self._store.set_timeout(timedelta(seconds=silence_sec))
        self._lock = threading.Lock()
        self._rank, self._world_size = rank, world_size
        self._silence_sec, self._interval_sec = silence_sec, interval_sec
        self._end = end
        self._beat = 0
        self._work = (0, "starting")  # replaced as a whole: two threads use it
        self._leaving = threading.Event()
        self._give_sign()
        self._round_sec = 0.0
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._guard = threading.Thread(target=self._watch_store, name="store watch", daemon=True)

    def start(self) -> None:
        """Once all processes have one."""
        self._round_sec = time.monotonic()
        self._thread.start()
        self._guard.start()
        # Python ends a daemon thread by force, and within the store's C++ that aborts the process.
        atexit.register(self._halt, 2 * self._interval_sec)

    def working_on(self, order: int, doing: str) -> None:
        """Says what this process does next; it costs nothing."""
        self._work = (order, doing)

    def leave(self) -> None:
        """The run ends as it should; the first process waits a moment for the others."""
        self.stop()
        try:
            if self._rank == 0:
                self._await_farewell()
        except DistError:
            pass

    def stop(self) -> None:
        """This process ends on purpose: nobody is to miss it."""
        self._halt(self._silence_sec)
        atexit.unregister(self._halt)
        try:
            with self._lock:
                self._store.set(str(self._rank), LEFT.decode())
        except DistError:
            pass  # the store has gone first: so has the run

    def missing(self) -> list[int]:
        """Processes that have stopped to give signs; it takes as long as a few of them take."""
        before = self._read_all()
        time.sleep(3.5 * self._interval_sec)
        after = self._read_all()
        return [rank for rank, sign in after.items() if sign == before[rank] and sign != LEFT]

    def furthest_behind(self) -> str:
        """Which processes have got least far, in words."""
        signs = {rank: Sign.decoded(s) for rank, s in self._read_all().items() if s != LEFT}
        signs[self._rank] = Sign(self._beat, *self._work)
        least = min(sign.order for sign in signs.values())
        behind = [rank for rank, sign in signs.items() if sign.order == least]
        if len(behind) == len(signs):
            return f"all processes are at the same place: {signs[behind[0]].doing}"
        return f"{named(behind)} is behind: {signs[behind[0]].doing}"

    def first_to_tell(self) -> bool:
        """Whether no process has spoken of a lost one before."""
        try:
            with self._lock:
                return self._store.add("told", 1) == 1
        except DistError:
            return True

    def _halt(self, timeout_sec: float) -> None:
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join(timeout_sec)

    def _await_farewell(self) -> None:
        end = time.monotonic() + FAREWELL_SEC
        while time.monotonic() < end:
            if all(sign == LEFT for sign in self._read_all().values()):
                return
            time.sleep(self._interval_sec / 10)

    def _read_all(self) -> dict[int, bytes]:
        with self._lock:
            return {n: self._store.get(str(n)) for n in range(self._world_size)}

    def _give_sign(self) -> None:
        self._beat += 1
        sign = Sign(self._beat, *self._work)
        with self._lock:
            self._store.set(str(self._rank), sign.encoded())

    def _run(self) -> None:
        neighbour = (self._rank + 1) % self._world_size
        last, since = b"", time.monotonic()
        while not self._leaving.wait(self._interval_sec):
            self._round_sec = time.monotonic()
            try:
                self._give_sign()
                with self._lock:
                    sign = self._store.get(str(neighbour))
                    found_by_other = self._store.check([LOST])
            except DistError:
                # Not a word more to the store: it may never answer.
                self._lose("the connection to the first process is lost")
                return
            if sign != last or sign == LEFT:
                last, since = sign, time.monotonic()
            silent = time.monotonic() - since > self._silence_sec
            if silent or found_by_other:
                self._lose_neighbour("" if found_by_other else self._obituary(neighbour, sign))
                return

    def _watch_store(self) -> None:
        """Where the network drops the store's connection without a word, requests wait for ever."""
        while not self._leaving.wait(self._interval_sec):
            if time.monotonic() - self._round_sec > self._silence_sec + 2 * self._interval_sec:
                self._lose("the first process's machine can't be reached")
                return

    def _obituary(self, rank: int, last: bytes) -> str:
        seconds, doing = self._silence_sec, Sign.decoded(last).doing
        return f"process {rank} has given no sign of life for {seconds:g} s (its last: {doing})"

    def _lose_neighbour(self, message: str) -> None:
        told = not message or not self.first_to_tell()
        try:
            with self._lock:
                self._store.set(LOST, "1")
            if self._rank == 0:
                # It may keep the store: the others are to read it there.
                time.sleep(2.5 * self._interval_sec)
        except DistError:
            pass
        self._lose("" if told else message)

    def _lose(self, message: str) -> None:
        if self._leaving.is_set():
            return
        if message:
            print(f"error: {message}; process {self._rank} ends", file=sys.stderr, flush=True)
        self._end(EXIT_LOST)
