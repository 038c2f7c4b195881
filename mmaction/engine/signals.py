"""The signals that end a training: noted, and looked at when a step is done."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mmaction.exit_codes import EXIT_BY_SIGNAL, EXIT_INTERRUPTED, EXIT_STOPPED

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
# A scheduler signals every process of a job, and launchers pass on what they get: within this time
# it is the same request.
ECHO_SEC = 3.0


class TrainingStopped(SystemExit):
    """A signal asked the training to end: it is saved, and ``code`` is the exit code."""

    code: int

    def __init__(self, number: int) -> None:
        super().__init__(EXIT_INTERRUPTED if number == signal.SIGINT else EXIT_STOPPED)


class StopSignals:
    """Notes that a signal has come, for the training to look at when a step is done.

    Attributes:
        received: The first signal's number, or 0.
    """

    def __init__(self) -> None:
        self.received = 0
        self._at_sec = 0.0

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Within it, the first signal is noted and a later one ends the process at once."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may handle signals
            return
        before = {number: signal.signal(number, self._note) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.received:
            self.received, self._at_sec = number, now
        elif now - self._at_sec > ECHO_SEC:
            name = signal.Signals(number).name
            os.write(2, f"error: ended at once by a second signal, {name}\n".encode())
            os._exit(EXIT_BY_SIGNAL + number)


def ignore_group_signals(worker_id: int, *, then: Callable[[int], None] | None = None) -> None:
    """What a data loader's worker does first: it leaves stopping to the process it works for.

    A signal to the whole group would else take the batches of the step that is to be finished. That
    process itself ends its workers by SIGTERM: from it alone it counts.
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # where a signal's sender can be known
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    if then is not None:
        then(worker_id)


def _end_with(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
