"""What the training loop costs beside the step itself: hooks, log, transfers, looks at the loss.

    python benchmarks/training_loop.py [--blocks 30] [--clock cpu] [--loader] [--history 200000]

Trains ``motion_shapes/st_abn_tiny_evidence.py`` for real. After every 20 steps of the loop, which
is the interval of its log, come 20 bare steps of the same network and optimizer: preprocessor,
forward, losses, backward, clipping, the optimizer. Prints both in ms a step, what the loop adds as
the median over pairs of blocks, and where it goes: each hook, the next batch, the look at loss and
gradients. Without ``--loader`` all steps take one batch that is in memory; with it, the loop's come
from the config's loader, whose workers' time is not in the CPU clock. ``--history``: as if so many
steps had been logged before.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

# Before torch starts its threads: one that waits for another sleeps, and does not count as work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from timing import print_table, report_machine

from mmaction.apis import load_config
from mmaction.dataprep.motion_shapes import CLASSES, DataSetOptions, make_data_set
from mmaction.datasets import RawframeDataset, collate_clips
from mmaction.engine import ActionRunner
from mmaction.engine.nonfinite import StepGuard
from mmaction.environment import tolerate_broken_torchvision
from mmaction.registry import DATASETS, HOOKS

CONFIG = Path(__file__).resolve().parents[1] / "config_files/motion_shapes/st_abn_tiny_evidence.py"
BLOCK = 20  # steps: the interval of the config's log
WARM_UP = 2  # blocks
HOOK_CALLS = ("before_train_iter", "after_train_iter")
GOAL = 0.02


@DATASETS.register_module()
class KeptClip(RawframeDataset):
    """The same clip whatever is asked for, from memory."""

    kept: Any = None

    def __getitem__(self, key: Any) -> Any:
        if self.kept is None:
            self.kept = super().__getitem__(key)
        return self.kept


class KeptBatch:
    """Collates once."""

    def __init__(self) -> None:
        self.kept: Any = None

    def __call__(self, samples: Sequence[Any]) -> Any:
        if self.kept is None:
            self.kept = collate_clips(samples)
        return self.kept


class Stopwatch:
    """Milliseconds by name, in blocks."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.blocks: list[dict[str, float]] = []
        self._block: dict[str, float] = defaultdict(float)

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, what it takes added under ``name``."""

        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            started = self.clock()
            try:
                return function(*args, **kwargs)
            finally:
                self.add(name, started)

        return run

    def add(self, name: str, started: float) -> None:
        self._block[name] += 1e3 * (self.clock() - started)

    def end_block(self) -> None:
        self.blocks.append({name: ms / BLOCK for name, ms in self._block.items()})
        self._block.clear()

    def median(self, name: str) -> float:
        return statistics.median(block.get(name, 0.0) for block in self.blocks[WARM_UP:])


@HOOKS.register_module()
class TakeTurns(Hook):
    """The last of all hooks: after each block of the loop's steps, a block of bare ones."""

    priority = "LOWEST"

    def __init__(self, *, clock: str, history: int) -> None:
        self.watch = Stopwatch(time.process_time if clock == "cpu" else time.perf_counter)
        self.history = history

    def before_train_epoch(self, runner: Any) -> None:
        for hook in runner.hooks:
            if hook is self:
                continue
            for call in HOOK_CALLS:
                timed = self.watch.timed(type(hook).__name__, getattr(hook, call))
                setattr(hook, call, timed)
        StepGuard._exchange = self.watch.timed(  # type: ignore[method-assign]
            "look at loss and gradients", StepGuard._exchange
        )
        runner.call_hook = self._whole(runner.call_hook)
        self.started = self.waiting = self.watch.clock()

    def _whole(self, call_hook: Callable[..., None]) -> Callable[..., None]:
        """Notes when the next batch has come."""

        def call(name: str, **kwargs: Any) -> None:
            if name == "before_train_iter":
                self.watch.add("next batch", self.waiting)
            call_hook(name, **kwargs)

        return call

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if (batch_idx + 1) % BLOCK == 0:
            finish()
            self.watch.add("loop", self.started)
            started = self.watch.clock()
            for _ in range(BLOCK):
                bare_step(runner.model, runner.optim_wrapper.optimizer, data_batch)
            finish()
            self.watch.add("bare", started)
            self.watch.end_block()
            if batch_idx + 1 == WARM_UP * BLOCK and self.history:
                lengthen(runner.message_hub, self.history)
            self.started = self.watch.clock()
        self.waiting = self.watch.clock()


def bare_step(model: Any, optimizer: torch.optim.Optimizer, batch: Any) -> None:
    data = model.data_preprocessor(batch, True)
    loss, _ = model.parse_losses(model(**data, mode="loss"))
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 20)
    optimizer.step()
    optimizer.zero_grad()


def finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def lengthen(hub: Any, steps: int) -> None:
    """As after a training of so many steps."""
    state = hub.state_dict()
    state["log_scalars"] = {
        key: HistoryBuffer(np.resize(buffer.data[0], steps), np.ones(steps, int))
        for key, buffer in state["log_scalars"].items()
    }
    hub.load_state_dict(state)


def run(root: Path, args: argparse.Namespace) -> Stopwatch:
    os.environ["MOTION_SHAPES"] = str(root)
    cfg = load_config(CONFIG)
    steps = (args.blocks + WARM_UP) * BLOCK
    loader = cfg.train_dataloader
    loader.dataset.repeat = -(-steps * loader.batch_size // len(CLASSES))
    if not args.loader:
        loader.dataset.type = "KeptClip"
        loader |= dict(num_workers=0, persistent_workers=False)
    cfg.train_cfg.max_epochs = 1
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint.save_best = None
    cfg.custom_hooks = [dict(type="TakeTurns", clock=args.clock, history=args.history)]
    cfg.work_dir, cfg.log_level = str(root / "work"), "WARNING"
    runner = ActionRunner.from_cfg(cfg)
    if not args.loader:
        runner.train_dataloader.collate_fn = KeptBatch()
    runner.train()
    [hook] = [hook for hook in runner.hooks if isinstance(hook, TakeTurns)]
    return hook.watch


def report(watch: Stopwatch) -> None:
    loop, bare = watch.median("loop"), watch.median("bare")
    blocks = watch.blocks[WARM_UP:]
    added = [block["loop"] - block["bare"] for block in blocks]
    shares = sorted(100 * ms / block["bare"] for ms, block in zip(added, blocks, strict=True))
    quarter = len(shares) // 4
    parts = {
        name: watch.median(name)
        for name in dict.fromkeys(name for block in blocks for name in block)
        if name not in ("loop", "bare")
    }
    rows = [
        ["bare step", f"{bare:.2f}", ""],
        ["the loop's step", f"{loop:.2f}", ""],
        [
            "what the loop adds",
            f"{statistics.median(added):.2f}",
            f"{statistics.median(shares):.1f}",
        ],
        ["… middle half of the blocks", "", f"{shares[quarter]:.1f}…{shares[-1 - quarter]:.1f}"],
        [
            "sum of the parts below",
            f"{sum(parts.values()):.3f}",
            f"{100 * sum(parts.values()) / bare:.2f}",
        ],
    ]
    for name, ms in sorted(parts.items(), key=lambda item: -item[1]):
        rows.append([f"  {name}", f"{ms:.3f}", f"{100 * ms / bare:.2f}"])
    print_table(["", "ms a step", "% of the bare step"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=30, help=f"of {BLOCK} steps each")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: this process's own seconds, all threads together, for a busy machine",
    )
    parser.add_argument("--loader", action="store_true", help="batches from the config's loader")
    parser.add_argument("--history", type=int, default=0, help="values logged before")
    args = parser.parse_args()
    report_machine()
    tolerate_broken_torchvision()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "motion_shapes"
        make_data_set(root, DataSetOptions(videos=len(CLASSES), val_videos=len(CLASSES)), jobs=1)
        watch = run(root, args)
    print(
        f"st_abn_tiny_evidence, {args.blocks} blocks of {BLOCK} steps in turns, {args.clock} clock;"
        f" {'the loader’s batches' if args.loader else 'a batch in memory'};"
        f" {args.history} steps logged before"
    )
    report(watch)


if __name__ == "__main__":
    main()
