"""torch.compile of the whole network: graph breaks, the warm-up, and an epoch's last batch."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from networks import build, shared_weights
from torch._dynamo.utils import counters

from gpu.network import SIZES, SMALL
from gpu.parts import Row, Settings
from gpu.timing import wait


def measure(settings: Settings) -> Iterator[Row]:
    """Compiles it as ``compile = True`` does; on a CPU without a code generator."""
    size = SMALL if settings.small else SIZES["16x112"]
    device, backend = settings.device, "aot_eager" if settings.small else "inductor"
    model = build(size).to(device)
    model.load_state_dict(shared_weights(size), strict=False)
    layout = torch.channels_last_3d
    batch = max(size.batch, 4)
    clips = torch.randn(batch, *size.shape[1:], device=device).to(memory_format=layout)
    explained = torch._dynamo.explain(model)(clips)
    yield {"what": "graph breaks", "value": explained.graph_break_count}
    torch.compiler.reset()
    counters.clear()
    compiled = torch.compile(model.train(), backend=backend)
    for what, count in (
        ("first step, s", batch),
        ("second step, s", batch),
        ("first step of a smaller last batch, s", batch - 1),
        ("step of another last batch, s", batch - 2),
        ("step of a full batch again, s", batch),
    ):
        started = time.perf_counter()
        compiled(clips[:count]).scores.sum().backward()
        wait(device)
        yield {"what": what, "value": round(time.perf_counter() - started, 2)}
    yield {"what": "graphs compiled", "value": counters["stats"]["unique_graphs"]}
    model.eval()
    with torch.no_grad():
        eager, again = model(clips[:3]).scores, compiled(clips[:3]).scores
    off = (eager - again).abs().max() / eager.abs().max()
    yield {"what": "scores off by, relative", "value": float(f"{off.item():.1e}")}
