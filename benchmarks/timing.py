"""What the benchmarks share: times that can be compared, memory, and the table."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

KIB = 1024


def interleaved_ms(
    rows: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 2
) -> dict[str, list[float]]:
    """Milliseconds of wall-clock that each row takes, ``rounds`` times.

    Every round runs each row once, so that a machine that speeds up or slows down meanwhile does so
    for all of them, and ratios hold.
    """
    return taking_turns(rows, rounds=rounds, warm_up=warm_up, clock=time.perf_counter)


def taking_turns(
    rows: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warm_up: int,
    clock: Callable[[], float],
) -> dict[str, list[float]]:
    """``interleaved_ms`` by another clock, such as ``time.process_time``, which is the process's
    own: on a busy machine a process waits, and what it waits for is not in it.
    """
    for _ in range(warm_up):
        for run in rows.values():
            run()
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, run in rows.items():
            started = clock()
            run()
            times[name].append(1e3 * (clock() - started))
    return times


def median_ratio(times: Sequence[float], of: Sequence[float]) -> float:
    """The median over rounds of one row's time by another's in the same round."""
    return statistics.median(a / b for a, b in zip(times, of, strict=True))


def peak_bytes(run: Callable[[], object]) -> int:
    """How far one call raises a process's memory at its highest, in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = _resident_bytes()
        run()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
        os.write(writer, str(max(0, peak - before)).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as file:
        return int(file.read())


def raised_peak_bytes(run: Callable[[], object]) -> int:
    """The same in this process, which may have started threads; Linux only."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the highest mark is now what is in use
    before = _resident_bytes()
    run()
    with open("/proc/self/status") as file:
        [peak] = [int(line.split()[1]) for line in file if line.startswith("VmHWM")]
    return peak * KIB - before


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())


def report_machine() -> None:
    """One line: processor, cores, threads, versions."""
    import platform

    import cv2
    import torch

    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
        model = names[0] if names else model
    except OSError:
        pass
    print(
        f"{model}, {os.cpu_count()} cores, {torch.get_num_threads()} thread(s); "
        f"Python {platform.python_version()}, torch {torch.__version__}, OpenCV {cv2.__version__}"
    )
