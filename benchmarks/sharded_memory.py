"""Memory of a training process with and without ``FullyShardedModel``.

    python benchmarks/sharded_memory.py [--depth 50] [--processes 2]

Trains ST-ABN for some steps by SGD with momentum, its clips so small that next to nothing goes to
activations. Prints what the first process keeps between two steps, exactly, and how far its memory
rose from before it built the network to its highest.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import socket
import tempfile
import warnings
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from timing import print_table, raised_peak_bytes, report_machine
from torch import Tensor

from mmaction.checkpoint.sharded_tensors import own_part
from mmaction.engine import FullyShardedModel
from mmaction.models import STABN

MMAP_THRESHOLD, BYTES = -3, 1 << 16  # of malloc.h: what is freed goes back to the system at once
CLASSES, FRAMES, SIZE, STEPS = 174, 4, 32, 3
ROWS = {
    "DDP, gradients twice": (MMDistributedDataParallel, dict(gradient_as_bucket_view=False)),
    "DDP": (MMDistributedDataParallel, dict(gradient_as_bucket_view=True)),
    "sharded, reshard_after_forward=False": (FullyShardedModel, dict(reshard_after_forward=False)),
    "sharded": (FullyShardedModel, dict()),
}


def kept_bytes(tensors: Iterable[Tensor | None]) -> int:
    return sum(own_part(tensor).nbytes for tensor in tensors if tensor is not None)


def train(depth: int, wrapper: type, options: dict[str, Any]) -> dict[str, int]:
    """Bytes of weights, gradients and momentum after some steps, the gradients not yet let go."""
    backbone = dict(type="ResNet3D", depth=depth, num_stages=3)
    model = wrapper(STABN(num_classes=CLASSES, clip_len=FRAMES, backbone=backbone), **options)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    clips, labels = torch.randn(2, 3, FRAMES, SIZE, SIZE), torch.zeros(2, dtype=torch.int64)
    for _ in range(STEPS):
        optimizer.zero_grad()
        losses = model(clips, labels, mode="loss")
        sum(value for name, value in losses.items() if "loss" in name).backward()
        optimizer.step()
    parameters = list(model.parameters())
    return dict(
        weights=kept_bytes(parameters),
        gradients=kept_bytes(p.grad for p in parameters),
        momentum=kept_bytes(state["momentum_buffer"] for state in optimizer.state.values()),
    )


def run_process(rank: int, args: argparse.Namespace, row: str, port: int, out: Path) -> None:
    store = dist.TCPStore("127.0.0.1", port, is_master=rank == 0, timeout=timedelta(seconds=60))
    dist.init_process_group("gloo", store=store, rank=rank, world_size=args.processes)
    kept: dict[str, int] = {}
    peak = raised_peak_bytes(lambda: kept.update(train(args.depth, *ROWS[row])))
    if rank == 0:
        out.write_text(json.dumps({**kept, "peak": peak}))
    dist.barrier()


def measured(args: argparse.Namespace, row: str, out: Path) -> dict[str, int]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    children = []
    for rank in range(args.processes):
        child = os.fork()
        if child == 0:
            run_process(rank, args, row, port, out)
            os._exit(0)
        children.append(child)
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0, f"{row}: a process failed"
    return json.loads(out.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--depth", type=int, default=50)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, BYTES)
    report_machine()
    with tempfile.TemporaryDirectory() as folder:
        rows = {row: measured(args, row, Path(folder) / "row.json") for row in ROWS}
    print(f"ST-ABN, depth {args.depth}, {args.processes} processes; MB a process\n")
    parts = ("weights", "gradients", "momentum")
    print_table(
        ["", *parts, "together", "peak"],
        [
            [
                row,
                *(f"{found[part] / 1e6:.1f}" for part in parts),
                f"{sum(found[part] for part in parts) / 1e6:.1f}",
                f"{found['peak'] / 1e6:.0f}",
            ]
            for row, found in rows.items()
        ],
    )


if __name__ == "__main__":
    main()
