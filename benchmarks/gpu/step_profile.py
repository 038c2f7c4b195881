"""One training step's longest kernels, and the gaps in which the device had nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from networks import shared_weights
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from gpu.network import SIZES, SMALL, Switches, prepared
from gpu.parts import Row, Settings
from gpu.timing import wait

SHOWN = 10
NAME = 90  # characters of a kernel's name


def measure(settings: Settings) -> Iterator[Row]:
    """A bf16 step with this project's defaults; on a CPU its operators in place of kernels."""
    size = SMALL if settings.small else SIZES["32x224"]
    device = settings.device
    switches = Switches(with_cp="selective", bf16=True)
    step = prepared(switches, size, shared_weights(size), device, train=True)
    for _ in range(3):
        step()
    wait(device)
    activities = [ProfilerActivity.CPU]
    if device == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiled:
        step()
        wait(device)
    kernels = _kernels(profiled.events(), device)
    if not kernels:
        raise RuntimeError("the profiler saw nothing run on the device")
    yield from _longest(kernels)
    yield from _gaps(kernels)


def _kernels(events: Any, device: str) -> list[tuple[str, float, float]]:
    """Name, start and end in microseconds of what ran on the device, in order.

    Without the spans that the optimizer and others are annotated with, which cover many kernels.
    """
    wanted = DeviceType.CUDA if device == "cuda" else DeviceType.CPU
    found = [
        (event.name, event.time_range.start, event.time_range.end)
        for event in events
        if event.device_type == wanted
        and not getattr(event, "is_user_annotation", False)
        and (device == "cuda" or not event.cpu_children)
    ]
    return sorted(found, key=lambda kernel: kernel[1])


def _longest(kernels: list[tuple[str, float, float]]) -> Iterator[Row]:
    """By name, all of a step together."""
    totals: dict[str, tuple[float, int]] = {}
    for name, start, end in kernels:
        ms, calls = totals.get(name, (0.0, 0))
        totals[name] = (ms + (end - start) / 1e3, calls + 1)
    whole = sum(ms for ms, _ in totals.values()) or 1.0
    for name, (ms, calls) in sorted(totals.items(), key=lambda item: -item[1][0])[:SHOWN]:
        yield {
            "what": name[:NAME],
            "ms": round(ms, 3),
            "calls": calls,
            "share": round(ms / whole, 3),
        }


def _gaps(kernels: list[tuple[str, float, float]]) -> Iterator[Row]:
    """All of them together, then the longest with the kernels around them."""
    gaps: list[tuple[float, str, str]] = []
    last_name, _, busy_until = kernels[0]
    for name, start, end in kernels[1:]:
        if start > busy_until:
            gaps.append(((start - busy_until) / 1e3, last_name, name))
        if end > busy_until:
            last_name, busy_until = name, end
    span = (busy_until - kernels[0][1]) / 1e3
    idle = sum(ms for ms, _, _ in gaps)
    yield {"what": "gaps, all", "ms": round(idle, 3), "calls": len(gaps), "share": idle / span}
    for ms, before, after in sorted(gaps, reverse=True)[:SHOWN]:
        half = NAME // 2
        yield {"what": f"gap: {before[:half]} … {after[:half]}", "ms": round(ms, 3), "calls": 1}
