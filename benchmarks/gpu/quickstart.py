"""The quickstart's commands, in the environment that there is: accuracy and seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gpu.parts import Row, Settings

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "config_files/motion_shapes/st_abn_tiny_evidence.py"


def measure(settings: Settings) -> Iterator[Row]:
    """Makes the data set, trains, tests and explains."""
    videos, val_videos = (12, 12) if settings.small else (1200, 120)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        work_dir = Path(folder)
        data = work_dir / "motion_shapes"
        environment = {**os.environ, "MOTION_SHAPES": str(data)}
        if settings.small:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        run = _Commands(environment)
        counts = ["--videos", str(videos), "--val-videos", str(val_videos), "--seed", "0"]
        yield run("the data set", "tools/data/make_motion_shapes.py", str(data), *counts)
        options = ["--work-dir", str(work_dir), "--validate", "--seed", "0"]
        if settings.small:
            options += ["--cfg-options", "train_cfg.max_epochs=1", "train_dataloader.batch_size=4"]
        yield run("training", "tools/train_recognizer.py", CONFIG, *options)
        checkpoint = (work_dir / "last_checkpoint").read_text().strip()
        out = ["--work-dir", folder, "--out", f"{folder}/scores.pkl", "-s", f"{folder}/maps"]
        yield run("test and maps", "tools/test_recognizer.py", CONFIG, checkpoint, *out)
        metrics = json.loads((work_dir / "scores.metrics.json").read_text())
    seconds = round(time.perf_counter() - started, 1)
    yield {"what": "all", "seconds": seconds, **_accuracies(metrics)}


def _accuracies(metrics: dict[str, float]) -> Row:
    return {name: round(value, 2) for name, value in metrics.items() if name.endswith("top1")}


class _Commands:
    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment

    def __call__(self, what: str, *command: str) -> Row:
        """Runs a command and says how long it took.

        Raises:
            RuntimeError: It failed; its last line.
        """
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise RuntimeError(f"{what}: exit code {done.returncode}: {' '.join(last)}")
        return {"what": what, "seconds": round(time.perf_counter() - started, 1)}
