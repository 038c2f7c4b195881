"""Which parts, layers and operations of ST-ABN the time goes to.

    python benchmarks/profile_model.py [CONFIG] [--shape T H W] [--batch N] [--train]

Prints three tables of torch's profiler, means over the rounds: the parts and the layers that take
most of a forward pass, and, of a forward pass or with --train of a training step, the operations.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Callable
from typing import Any

# Before torch starts its threads: one that waits for another sleeps, and does not count as work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
import torch.nn.functional as F
from timing import print_table, report_machine
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function

from mmaction.apis.complexity import count
from mmaction.apis.config import clip_shape, load_config
from mmaction.registry import MODELS

MARK = "module "
SHOWN = 25
MICROSECONDS = 1e3


def mark_leaves(model: nn.Module) -> None:
    """Has the profiler know each module without children by its name."""
    for name, module in model.named_modules():
        if name and not any(module.children()):
            open_marks: list[Any] = []

            def enter(*_: Any, name: str = name, marks: list[Any] = open_marks) -> None:
                marks.append(record_function(MARK + name))
                marks[-1].__enter__()

            def leave(*_: Any, marks: list[Any] = open_marks) -> None:
                marks.pop().__exit__(None, None, None)

            module.register_forward_pre_hook(enter)
            module.register_forward_hook(leave)


def milliseconds(event: Any, device: str, *, own: bool) -> float:
    kind = "cpu" if device == "cpu" else "device"
    return getattr(event, f"{'self_' if own else ''}{kind}_time_total") / MICROSECONDS


def profiled(run: Callable[[], object], rounds: int, device: str) -> Any:
    activities = [ProfilerActivity.CPU]
    if device == "cuda":
        activities.append(ProfilerActivity.CUDA)
    run()
    with profile(activities=activities) as seen:
        for _ in range(rounds):
            run()
        if device == "cuda":
            torch.cuda.synchronize()
    return seen.key_averages()


def share_rows(times: dict[str, float], rounds: int) -> list[list[str]]:
    total = sum(times.values())
    ordered = sorted(times.items(), key=lambda item: -item[1])[:SHOWN]
    return [[name, f"{ms / rounds:.1f}", f"{100 * ms / total:.1f} %"] for name, ms in ordered]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="config_files/sthv1/st_abn_32.py")
    parser.add_argument("--shape", nargs=3, type=int, metavar=("T", "H", "W"))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--train", action="store_true", help="a training step's operations")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args()

    cfg = load_config(args.config)
    frames, height, width = args.shape or clip_shape(cfg)
    settings = {**cfg.model, "clip_len": frames}
    model = MODELS.build(settings).to(args.device)
    shape = (args.batch, 3, frames, height, width)
    clips = torch.randn(shape, device=args.device).to(memory_format=torch.channels_last_3d)
    labels = torch.zeros(args.batch, dtype=torch.int64, device=args.device)
    with torch.device("meta"):
        macs = {p.name: p.macs for p in count(MODELS.build(settings).eval(), torch.empty(shape))}

    def forward() -> None:
        model.eval()
        with torch.no_grad():
            model(clips)

    def step() -> None:
        model.train()
        out = model(clips)
        loss = F.cross_entropy(out.scores, labels)
        if out.attention_scores is not None:
            loss = loss + F.cross_entropy(out.attention_scores, labels)
        loss.backward()
        model.zero_grad()

    report_machine()
    print(f"{args.config}, {args.batch} × {frames}×{height}×{width}, {macs[''] / 1e9:.1f} GMAC")
    operations = {
        event.key: milliseconds(event, args.device, own=True)
        for event in profiled(step if args.train else forward, args.rounds, args.device)
    }
    mark_leaves(model)
    layers = {
        event.key.removeprefix(MARK): milliseconds(event, args.device, own=False)
        for event in profiled(forward, args.rounds, args.device)
        if event.key.startswith(MARK)
    }
    parts: dict[str, float] = defaultdict(float)
    for name, ms in layers.items():
        parts[".".join(name.split(".")[:2])] += ms

    print("\nparts, a forward pass")
    rows = share_rows(parts, args.rounds)
    for row in rows:
        row.append(f"{macs[row[0]] / 1e9:.2f}" if row[0] in macs else "")
    print_table(["part", "ms", "share", "GMAC"], rows)
    print("\nlayers, a forward pass")
    print_table(["layer", "ms", "share"], share_rows(layers, args.rounds))
    print(f"\noperations, a {'training step' if args.train else 'forward pass'}")
    print_table(["operation", "ms", "share"], share_rows(operations, args.rounds))


if __name__ == "__main__":
    main()
