"""Trains, and trains again under signals: ``kill_and_resume.py PROCESSES A B SEED SIGNAL…``.

A and B are configs of the same training. The first is trained without a break; the second is
started once for each SIGNAL, always to go on from its newest checkpoint, gets it in all its
processes and their workers at a random moment of its training, and runs to its end at last.
Processes are forked from this one, which has imported everything: a start costs a second. Prints
the exit codes of the first process of each run as one JSON list.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib.figure  # noqa: F401 - what trainings import when they first need it
import torch._dynamo  # noqa: F401
from mmengine.hooks import Hook

from mmaction.apis import load_config, train
from mmaction.cli import run_command
from mmaction.engine.distributed import leave_processes
from mmaction.registry import HOOKS

BEGUN, ENDED = b"b", b"e"
SHARE = 0.4  # of the whole training's time: the latest moment of a signal


@HOOKS.register_module()
class TellStart(Hook):
    """Writes a byte to a pipe when training begins, and another when it ends."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def before_train(self, runner: Any) -> None:
        os.write(self.descriptor, BEGUN)

    def after_train(self, runner: Any) -> None:
        os.write(self.descriptor, ENDED)


def run(config: Path, rank: int, processes: int, descriptor: int) -> int:
    cfg = load_config(config)
    hooks = cfg.get("custom_hooks", [])
    cfg.custom_hooks = [*hooks, dict(type="TellStart", descriptor=descriptor)]
    if not cfg.get("resume_from"):
        cfg.resume, cfg.load_from = True, None
    if processes > 1:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(processes))
        cfg.launcher = "pytorch"

    def main() -> None:
        train(cfg)
        leave_processes()

    try:
        return run_command(main)
    except SystemExit as e:
        return int(e.code or 0)


def start(config: Path, rank: int, processes: int, descriptor: int) -> int:
    pid = os.fork()
    if pid == 0:
        os.setsid()  # with its loaders' workers, which get the signals too
        with open(config.with_suffix(".log"), "a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os._exit(run(config, rank, processes, descriptor))
    return pid


def attempt(config: Path, processes: int, number: int, delay_sec: float) -> tuple[int, float]:
    """Exit code, negative for a signal, and time of training of a run that gets ``number``."""
    reading, writing = os.pipe()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        os.environ["MASTER_PORT"] = str(s.getsockname()[1])
    pids = [start(config, rank, processes, writing) for rank in range(processes)]
    os.close(writing)
    os.read(reading, 1)  # nothing comes of a run that ends before it trains
    started = time.monotonic()
    if number and not ends_within(reading, delay_sec):
        for pid in pids:
            os.killpg(pid, number)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    os.close(reading)
    return codes[0], time.monotonic() - started


def ends_within(reading: int, seconds: float) -> bool:
    """Whether a training tells its end; from then on a signal meets a process that only leaves."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([reading], [], [], left)[0]:
            told = os.read(reading, 16)
            if ENDED in told or not told:
                return True
    return False


def main() -> None:
    processes, seed = int(sys.argv[1]), int(sys.argv[4])
    straight, broken = Path(sys.argv[2]), Path(sys.argv[3])
    signals = [signal.Signals[name] for name in sys.argv[5:]]
    code, whole_sec = attempt(straight, processes, 0, 0)
    codes = [code]
    rng = random.Random(seed)
    for number in signals:
        codes.append(attempt(broken, processes, number, rng.uniform(0, SHARE) * whole_sec)[0])
    codes.append(attempt(broken, processes, 0, 0)[0])
    print(json.dumps(codes))


if __name__ == "__main__":
    main()
