"""Times and memory on a device, and the work of a network."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

MIB = 2**20


def wait(device: str) -> None:
    """Until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def median_ms(
    run: Callable[[], object], *, device: str, seconds: float = 3.0, most: int = 30
) -> float:
    """Milliseconds of a call, median, each from an idle device to an idle device.

    Args:
        run: Called at least three times, the first one to warm up.
        device: ``'cuda'`` or ``'cpu'``.
        seconds: Stop measuring after these.
        most: Stop measuring after so many calls.
    """
    run()
    wait(device)
    times: list[float] = []
    stop = time.perf_counter() + seconds
    while len(times) < 2 or (len(times) < most and time.perf_counter() < stop):
        started = time.perf_counter()
        run()
        wait(device)
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def peak_mib(run: Callable[[], object], *, device: str) -> float | None:
    """The most MiB that tensors take at once while it runs; None on a CPU."""
    if device != "cuda":
        return None
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    run()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() / MIB


def product_tflops(dtype: torch.dtype, *, device: str, size: int) -> float:
    """Tera-operations a second of a matrix product of this type, two a multiply-accumulate."""
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    ms = median_ms(lambda: left @ right, device=device, seconds=1.0)
    return 2 * size**3 / ms / 1e9


def forward_flops(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Operations of a forward pass, two a multiply-accumulate; nothing is computed.

    Args:
        model: On the device ``meta``.
        shape: Of its clips.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(shape, device="meta"))
    return counter.get_total_flops()
