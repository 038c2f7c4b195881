"""How fast ST-ABN is, how much memory it takes, and what each switch gives.

    python benchmarks/model_speed.py [--size r50] [--rounds 5] [--threads N] [--clock cpu]

On a CPU; a GPU is measured by ``on_gpu.py``. Prints one table. The first row is the peer: the
network written down literally (``literal_st_abn.py``); then this project's with everything switched
off, with each switch alone, as it is by default, and with all together. All rows have the same
weights and take turns, so that whatever else the machine does is shared; ratios are medians over
rounds, each of one round's times.

Columns: ms of a forward pass without gradients and of a training step (forward, two
cross-entropies, backward), with their ratios to the peer; clips/s of the forward pass; its
multiply-accumulates a second as a share of those of a matrix product of the same type; the largest
difference of the scores from the peer's, relative to the largest score; peak memory of a training
step beyond weights and gradients, each in a process of its own. '-' means that a switch
says nothing there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

# Before torch starts its threads: where a process's own seconds are counted, one that waits for
# another is to sleep. By the wall, they wait as they do in a run.
if "--clock" in sys.argv:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
import torch.nn.functional as F
from networks import CLASSES, Size, build, shared_weights
from timing import median_ratio, print_table, raised_peak_bytes, report_machine, taking_turns
from torch import Tensor, nn

from mmaction.apis.complexity import count
from mmaction.environment import keep_freed_memory
from mmaction.models.inference import fuse_for_inference

MATRIX = 2048


SIZES = {
    "r50": Size(50, 1, 16, 112, (3, 4, 6, 3)),
    "r50x4": Size(50, 4, 16, 112, (3, 4, 6, 3)),
    "r18": Size(18, 1, 32, 112, (2, 2, 2, 2)),
    "tiny": Size(18, 1, 4, 32, (2, 2, 2, 2)),
}


@dataclass(frozen=True)
class Row:
    """What is switched on."""

    literal: bool = False
    channels_last: bool = False
    with_cp: bool | str = False
    fused: bool = False
    bf16: bool = False
    compiled: bool = False
    trains: bool = True
    infers: bool = True

    def model(self, size: Size) -> nn.Module:
        return build(size, literal=self.literal, with_cp=self.with_cp)


DEFAULT = dict(channels_last=True)
ROWS = {
    "literal": Row(literal=True),
    "all switches off": Row(),
    "fused for inference": Row(fused=True, trains=False),
    "with_cp=True": Row(with_cp=True, infers=False),
    "with_cp='selective'": Row(with_cp="selective", infers=False),
    "bf16 autocast": Row(bf16=True),
    "default": Row(**DEFAULT),
    "default, selective": Row(**DEFAULT, with_cp="selective", infers=False),
    "default, with_cp=True": Row(**DEFAULT, with_cp=True, infers=False),
    "default, fused": Row(**DEFAULT, fused=True, trains=False),
    "default, bf16": Row(**DEFAULT, bf16=True),
    "default, bf16, fused": Row(**DEFAULT, bf16=True, fused=True, trains=False),
    "default, compiled": Row(**DEFAULT, compiled=True),
}


class Measured:
    """A row's network, its forward pass and its training step."""

    def __init__(self, row: Row, size: Size, weights: dict[str, Tensor]) -> None:
        self.row = row
        self.model = row.model(size)
        own = dict(weights)
        if row.literal:
            own = {k: v for k, v in own.items() if not k.startswith("data_preprocessor")}
        self.model.load_state_dict(own)
        layout = torch.channels_last_3d if row.channels_last else torch.contiguous_format
        draw = torch.Generator().manual_seed(0)
        self.clips = torch.randn(size.shape, generator=draw).to(memory_format=layout)
        self.labels = torch.arange(size.batch) % CLASSES
        self.network: Callable[[Tensor], Any] = self.model
        if row.fused:
            dtype = torch.bfloat16 if row.bf16 else None
            self.network = self.model = fuse_for_inference(self.model, dtype=dtype)
        if row.compiled:
            self.network = torch.compile(self.model)

    def _scores(self) -> tuple[Tensor, Tensor]:
        precision: Any = nullcontext()
        if self.row.bf16:
            precision = torch.autocast("cpu", torch.bfloat16)
        with precision:
            out = self.network(self.clips)
        scores = out if self.row.literal else (out.scores, out.attention_scores)
        return scores[0].float(), scores[1].float()

    def forward(self) -> Tensor:
        self.model.eval()
        with torch.no_grad():
            return torch.cat(self._scores())

    def step(self) -> None:
        self.model.train()
        # Gradients stay where they are: what is measured is what the pass itself takes.
        self.model.zero_grad(set_to_none=False)
        sum(F.cross_entropy(s, self.labels) for s in self._scores()).backward()  # type: ignore[union-attr]

    def make_gradients(self) -> None:
        for parameter in self.model.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.zeros_like(parameter)


def memory(name: str, args: argparse.Namespace) -> int:
    """Bytes that a training step (a forward pass where it has none) raises the peak by."""
    # Pieces go back to the system at once, so that the peak is what is in use.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    command = [sys.executable, __file__, "--size", args.size, "--peak-of", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return int(done.stdout.split()[-1])


def peak_run(name: str, args: argparse.Namespace) -> Callable[[], object]:
    size, row = SIZES[args.size], ROWS[name]
    measured = Measured(row, size, shared_weights(size))
    if not row.trains:
        return measured.forward
    measured.make_gradients()
    return measured.step


def table(args: argparse.Namespace) -> None:
    size = SIZES[args.size]
    weights = shared_weights(size)
    with torch.device("meta"):
        clip = torch.empty(size.batch, 3, size.frames, size.pixels, size.pixels)
        macs = count(Row(**DEFAULT).model(size).eval(), clip)[0].macs
    names = args.rows or [n for n in ROWS if args.compile or not ROWS[n].compiled]
    measured = {name: Measured(ROWS[name], size, weights) for name in names}
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    runs: dict[str, Callable[[], object]] = {}
    for name, one in measured.items():
        if one.row.infers:
            runs[f"{name} forward"] = one.forward
        if one.row.trains and not args.forward_only:
            runs[f"{name} step"] = one.step
    for dtype in (torch.float32, torch.bfloat16):
        matrix = torch.randn(MATRIX, MATRIX).to(dtype)
        runs[f"{dtype} product"] = lambda m=matrix: m @ m
    outputs = {name: one.forward() for name, one in measured.items() if one.row.infers}
    times = taking_turns(runs, rounds=args.rounds, warm_up=1, clock=clock)

    peer = names[0]
    rows = []
    for name, one in measured.items():
        cells = [name]
        for kind in ("forward", "step"):
            ms = times.get(f"{name} {kind}")
            if ms is None:
                cells += ["-", "-"]
                continue
            ratio = median_ratio(times[f"{peer} {kind}"], ms)
            cells += [f"{statistics.median(ms):.0f} ({min(ms):.0f}…{max(ms):.0f})", f"{ratio:.2f}"]
        forward = times.get(f"{name} forward")
        product = times[f"{torch.bfloat16 if one.row.bf16 else torch.float32} product"]
        if forward is None:
            cells += ["-", "-", "-"]
        else:
            bound = median_ratio(product, forward) * macs / MATRIX**3
            off = (outputs[name] - outputs[peer]).abs().max() / outputs[peer].abs().max()
            clips = size.batch * 1e3 / statistics.median(forward)
            cells += [f"{clips:.2f}", f"{100 * bound:.0f} %", f"{off.item():.1e}"]
        rows.append(cells)
    del measured, runs
    if not args.no_memory:
        peaks = {name: memory(name, args) for name in names}
        for cells in rows:
            name = cells[0]
            cells += [f"{peaks[name] / 1e6:.0f}", f"{peaks[name] / peaks[peer]:.2f}"]
            if not ROWS[name].trains:
                cells[-2:] = [f"({cells[-2]})", "-"]
    header = ["", "forward ms", "×", "step ms", "×", "clips/s", "of bound", "off by"]
    print_table(header + ([] if args.no_memory else ["peak MB", "of peer"]), rows)
    print("peak in parentheses: of a forward pass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="r50", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="to take the median of")
    parser.add_argument("--threads", type=int, help="of torch (default: its own choice)")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: this process's own seconds, all threads together, for a busy machine",
    )
    parser.add_argument("--rows", nargs="+", choices=ROWS, help="the first is the peer")
    parser.add_argument("--compile", action="store_true", help="also torch.compile; takes minutes")
    parser.add_argument("--forward-only", action="store_true", help="no training steps")
    parser.add_argument("--no-memory", action="store_true", help="leave the peaks out")
    parser.add_argument("--peak-of", choices=ROWS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.peak_of:
        run = peak_run(args.peak_of, args)
        print(raised_peak_bytes(run))
        return
    keep_freed_memory()  # as a run does; for the peer, too
    report_machine()
    size = SIZES[args.size]
    print(
        f"ST-ABN R{size.depth}, batch {size.batch} of {size.frames}×{size.pixels}²,"
        f" {CLASSES} classes;"
        f" {args.rounds} rounds, {args.clock} clock"
    )
    table(args)


if __name__ == "__main__":
    main()
