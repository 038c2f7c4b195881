"""Work done in other processes, of which one may die without taking the rest along."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from typing import TextIO, TypeVar

import av
import cv2

from mmaction.errors import UserError
from mmaction.progress import Progress

Task = TypeVar("Task")
Result = TypeVar("Result")
Chunk = list[tuple[int, Task]]  # some tasks, with their numbers

# Chunks of tasks handed out beyond those being worked on, so that no process waits for its next.
_AHEAD = 2


def check_jobs(jobs: int) -> None:
    """Raise UserError unless there is at least one process to work with."""
    if jobs < 1:
        raise UserError(f"jobs is {jobs}, must be at least 1")


def run_all(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    jobs: int,
    title: str,
    unit: str,
    chunk: int = 1,
    stream: TextIO | None = None,
) -> list[Result | None]:
    """``work(task)`` of every task, in their order; shows meanwhile how far it has come.

    ``work`` runs in ``jobs`` processes, each with one thread. When one dies, as of a decoder's
    fault, what was in work is done again, one at a time; the task that kills its process again
    has no result: None. What ``work`` raises ends everything. Then, or when this process is
    interrupted or killed, the others end at once, in the middle of their work.

    Args:
        work: A function that can be pickled.
        tasks: What it is called with.
        jobs: Processes, >= 1.
        title: Of the progress.
        unit: What it counts.
        chunk: How many tasks are handed over at a time; more than one pays for short work.
        stream: Where progress is shown; None: standard error.
    """
    results: list[Result | None] = [None] * len(tasks)
    numbered = list(enumerate(tasks))
    chunks = deque(numbered[first : first + chunk] for first in range(0, len(tasks), chunk))
    with (
        Progress(title, len(tasks), unit, stream=stream or sys.stderr) as progress,
        closing(_each(work, chunks, jobs)) as outcomes,
    ):
        for number, result in outcomes:
            results[number] = result
            progress.advance()
    return results


def _each(
    work: Callable[[Task], Result], waiting: deque[Chunk[Task]], jobs: int
) -> Generator[tuple[int, Result | None], None, None]:
    """The number and the result of every task, in the order in which they end."""
    while waiting:
        suspects: Chunk[Task] = yield from _until_a_death(work, waiting, jobs)
        for suspect in suspects:
            if (yield from _until_a_death(work, deque([[suspect]]), 1)):
                yield suspect[0], None


def _until_a_death(
    work: Callable[[Task], Result], waiting: deque[Chunk[Task]], jobs: int
) -> Generator[tuple[int, Result], None, Chunk[Task]]:
    """Takes chunks from ``waiting``; returns the tasks that were in work when a process died."""
    running: dict[Future[list[tuple[int, Result]]], Chunk[Task]] = {}
    suspects: Chunk[Task] = []
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
                chunk = running.pop(future)
                try:
                    results = future.result()
                except BrokenProcessPool:
                    alive = False
                    suspects += chunk
                else:
                    yield from results
    return suspects


def _do(work: Callable[[Task], Result], chunk: Chunk[Task]) -> list[tuple[int, Result]]:
    return [(number, work(task)) for number, task in chunk]


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
