"""ST-ABN's training step and forward pass: written down literally, and each switch of this project.

All networks have the same weights. A training step is forward, both cross-entropies, backward,
clipping and SGD. Ratios are to the literal network with torch's defaults.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from networks import CLASSES, Size, build, shared_weights
from torch import Tensor, nn

from gpu.parts import Row, Settings
from gpu.timing import forward_flops, median_ms, peak_mib, product_tflops
from mmaction.models.inference import fuse_for_inference

# Operations of a training step by those of its forward pass: the pass, and both of its gradients.
STEP = 3


SIZES = {
    "32x224": Size(50, 8, 32, 224, (3, 4, 6, 3)),
    "16x112": Size(50, 32, 16, 112, (3, 4, 6, 3)),
}
SMALL = Size(10, 2, 4, 32, (1, 1, 1, 1))


@dataclass(frozen=True)
class Switches:
    """What is switched on; the defaults are the literal network's, with torch's defaults."""

    literal: bool = False
    tf32: bool | None = None  # of convolutions and products; None: torch's defaults
    channels_last: bool = True
    with_cp: bool | str = False
    bf16: bool = False
    fused: bool = False
    compiled: bool = False
    graph: bool = False


LITERAL = "literal, torch's defaults"
TRAINING = {
    LITERAL: Switches(literal=True, channels_last=False),
    "literal, TF32 off": Switches(literal=True, channels_last=False, tf32=False),
    "this project's default": Switches(with_cp="selective"),
    "no activation checkpointing": Switches(),
    "no channels-last": Switches(channels_last=False, with_cp="selective"),
    "TF32 products": Switches(with_cp="selective", tf32=True),
    "bf16": Switches(with_cp="selective", bf16=True),
    "bf16, no checkpointing": Switches(bf16=True),
    "bf16, with_cp=True": Switches(bf16=True, with_cp=True),
    "bf16, compiled": Switches(bf16=True, compiled=True),
}
INFERENCE = {
    LITERAL: Switches(literal=True, channels_last=False),
    "literal, TF32 off": Switches(literal=True, channels_last=False, tf32=False),
    "not fused": Switches(),
    "this project's default (fused)": Switches(fused=True),
    "fused, bf16": Switches(fused=True, bf16=True),
    "fused, bf16, CUDA graph": Switches(fused=True, bf16=True, graph=True),
    "fused, bf16, compiled": Switches(fused=True, bf16=True, compiled=True),
}


def measure_32x224(settings: Settings) -> Iterator[Row]:
    """Eight clips of 32×224²."""
    yield from measure(settings, SMALL if settings.small else SIZES["32x224"])


def measure_16x112(settings: Settings) -> Iterator[Row]:
    """32 clips of 16×112²."""
    yield from measure(settings, SMALL if settings.small else SIZES["16x112"])


def measure(settings: Settings, size: Size) -> Iterator[Row]:
    """A row for each way to train and to infer, and one for each goal."""
    device = settings.device
    with torch.device("meta"):
        flops = forward_flops(build(size).eval(), size.shape)
    peak = product_tflops(torch.bfloat16, device=device, size=256 if settings.small else 8192)
    weights = shared_weights(size)
    found: dict[tuple[str, str], Row] = {}
    ways = [("training", *way) for way in TRAINING.items()]
    ways += [("inference", *way) for way in INFERENCE.items()]
    # Compiling takes longest, and comes last.
    for kind, name, switches in sorted(ways, key=lambda way: way[2].compiled):
        if device == "cpu" and (switches.graph or switches.compiled):
            continue
        row: Row = {"what": kind, "way": name}
        try:
            row |= _times(switches, size, weights, device, train=kind == "training")
            work = (STEP if kind == "training" else 1) * flops
            row["TFLOP/s"] = round(work / row["ms"] / 1e9, 3)
            row["of bf16 peak"] = round(work / row["ms"] / 1e9 / peak, 3)
            literal = found.get((kind, LITERAL), row)
            row["× literal"] = round(literal["ms"] / row["ms"], 2)
            if row["MiB"] is not None and literal["MiB"] is not None:
                row["memory of literal"] = round(row["MiB"] / literal["MiB"], 2)
            found[kind, name] = row
        except Exception as e:  # noqa: BLE001 - out of memory, or whatever a compiler can't do
            row["error"] = f"{type(e).__name__}: {str(e).partition(chr(10))[0]}"
        _release(device)
        yield row
    yield from goals(found)


def goals(found: dict[tuple[str, str], Row]) -> Iterator[Row]:
    """The best of each kind beside what is asked for."""
    for kind, key, goal, best in (
        ("training", "× literal", "≥ 3", max),
        ("training", "memory of literal", "≤ 0.5", min),
        ("training", "of bf16 peak", "≥ 0.25", max),
        ("inference", "× literal", "≥ 5", max),
        ("inference", "of bf16 peak", "≥ 0.25", max),
    ):
        rows = [row for (of, _), row in found.items() if of == kind and key in row]
        if rows:
            row = best(rows, key=lambda row, key=key: row[key])
            yield {"what": f"goal: {kind}, {key} {goal}", "way": row["way"], key: row[key]}


def _times(
    switches: Switches, size: Size, weights: dict[str, Tensor], device: str, *, train: bool
) -> Row:
    _set_tf32(switches.tf32)
    run = prepared(switches, size, weights, device, train=train)
    ms = median_ms(run, device=device, seconds=0.1 if device == "cpu" else 3.0)
    # What a graph holds was taken when it was captured, and is not seen by a replay.
    memory = None if switches.graph else peak_mib(run, device=device)
    return {
        "ms": round(ms, 2),
        "clips/s": round(1e3 * size.batch / ms, 1),
        "MiB": None if memory is None else round(memory),
    }


def prepared(
    switches: Switches, size: Size, weights: dict[str, Tensor], device: str, *, train: bool
) -> Callable[[], object]:
    """A training step, or a forward pass, that can be repeated.

    Args:
        switches: What is switched on.
        size: The network and its clips.
        weights: From ``shared_weights``.
        device: ``'cuda'`` or ``'cpu'``.
        train: A training step.
    """
    model = copy.deepcopy(_built(size, switches.literal, switches.with_cp)).to(device)
    model.load_state_dict(weights, strict=switches.literal)
    layout = torch.channels_last_3d if switches.channels_last else torch.contiguous_format
    clips = torch.randn(size.shape, generator=torch.Generator().manual_seed(0))
    clips = clips.to(device).to(memory_format=layout)
    network: Callable[[Tensor], Any] = model.train(train)
    if switches.fused:
        network = fuse_for_inference(model, dtype=torch.bfloat16 if switches.bf16 else None)
    if switches.compiled:
        network = torch.compile(network)
    precision: Any = torch.autocast(device, torch.bfloat16) if switches.bf16 else nullcontext()

    def scores() -> tuple[Tensor, Tensor]:
        with precision:
            out = network(clips)
        return out if switches.literal else (out.scores, out.attention_scores)

    if train:
        return _step(model, scores, torch.arange(size.batch, device=device) % CLASSES)
    return _graphed(scores) if switches.graph else torch.no_grad()(scores)


@cache
def _built(size: Size, literal: bool, with_cp: bool | str) -> nn.Module:
    """To be copied: drawing weights takes longer than a small step."""
    return build(size, literal=literal, with_cp=with_cp)


def _step(
    model: nn.Module, scores: Callable[[], tuple[Tensor, Tensor]], labels: Tensor
) -> Callable[[], object]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9, nesterov=True)

    def step() -> None:
        losses = [F.cross_entropy(each.float(), labels) for each in scores()]
        torch.stack(losses).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 20)
        optimizer.step()
        optimizer.zero_grad()

    return step


@torch.no_grad()
def _graphed(run: Callable[[], object]) -> Callable[[], object]:
    """The same work as one CUDA graph, captured once and replayed."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()

    def replay(_: object = run) -> None:
        """Holds on to what the graph reads: the clips and the weights."""
        graph.replay()

    return replay


def _set_tf32(on: bool | None) -> None:
    """None: as torch starts, convolutions in TF32 and products not."""
    torch.backends.cudnn.allow_tf32 = on is not False
    torch.backends.cuda.matmul.allow_tf32 = on is True


def _release(device: str) -> None:
    torch.compiler.reset()
    if device == "cuda":
        gc.collect()  # networks in cycles would count in later peaks
        torch.cuda.empty_cache()
