"""Work done in other processes, of which one may die without taking the rest along."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TypeVar

import av
import cv2

from mmaction.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")

# Chunks of tasks handed out beyond those being worked on, so that no process waits for its next.
_AHEAD = 2


def check_jobs(jobs: int) -> None:
    """Raise UserError unless there is at least one process to work with."""
    if jobs < 1:
        raise UserError(f"jobs is {jobs}, must be at least 1")


def each(
    work: Callable[[Task], Result], tasks: Sequence[Task], *, jobs: int, chunk: int = 1
) -> Generator[tuple[Task, Result | None], None, None]:
    """Every task with the result of ``work(task)``, in the order in which they end.

    ``work`` runs in ``jobs`` processes, each with one thread. When one dies, as of a decoder's
    fault, what was in work is done again, one at a time; the task that kills its process again
    has no result: None. What ``work`` raises ends everything, and so does closing the iterator:
    then, or when this process is killed, the others end at once, in the middle of their work.

    Args:
        work: A function that can be pickled.
        tasks: What it is called with.
        jobs: Processes, >= 1.
        chunk: How many tasks are handed over at a time; more than one pays for short work.
    """
    waiting = deque(tasks[first : first + chunk] for first in range(0, len(tasks), chunk))
    while waiting:
        suspects: list[Task] = yield from _until_a_death(work, waiting, jobs)
        for task in suspects:
            if (yield from _until_a_death(work, deque([[task]]), 1)):
                yield task, None


def _until_a_death(
    work: Callable[[Task], Result], waiting: deque[Sequence[Task]], jobs: int
) -> Generator[tuple[Task, Result], None, list[Task]]:
    """Takes chunks from ``waiting``; returns the tasks that were in work when a process died."""
    running: dict[Future[list[Result]], Sequence[Task]] = {}
    suspects: list[Task] = []
    with _pool(min(jobs, len(waiting))) as pool:
        alive = True
        while running or (waiting and alive):
            while waiting and alive and len(running) < _AHEAD * jobs:
                try:
                    running[pool.submit(_do, work, waiting[0])] = waiting[0]
                    waiting.popleft()
                except BrokenProcessPool:
                    alive = False
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                tasks = running.pop(future)
                try:
                    results = future.result()
                except BrokenProcessPool:
                    alive = False
                    suspects += tasks
                else:
                    yield from zip(tasks, results, strict=True)
    return suspects


def _do(work: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
    return [work(task) for task in tasks]


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    # A forked process needn't import anything again.
    context = multiprocessing.get_context("fork")
    stop, keep_open = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(jobs, context, _start_worker, (stop, keep_open))
    try:
        yield pool
    except BaseException:
        keep_open.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        keep_open.close()
        stop.close()


def _start_worker(stop: Connection, keep_open: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    cv2.setNumThreads(0)  # its threads don't survive a fork
    av.logging.set_level(None)  # causes are in the errors
    keep_open.close()
    threading.Thread(target=_end_with, args=(stop,), daemon=True).start()


def _end_with(stop: Connection) -> None:
    """Ends this process once no other holds the pipe open: the parent has closed it or died."""
    try:
        stop.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)
