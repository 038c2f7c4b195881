"""Do edits pay? A planted shortcut, 24 edited videos of 1,200, and two controls.

python benchmarks/edits_pay.py WORK_DIR --seeds 0 1 2

A mark in a corner tells the class in 98 % of motion_shapes' training videos and a wrong one in
validation. Three fine-tunings of the same clips and steps: by edits from the truth, by none, and by
masks and times of the same size and motion, each video's at a place and time of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmaction.apis import load_config
from mmaction.apis.truth_edits import edit_of
from mmaction.datasets.edits import read_edits, write_edits
from mmaction.explain.measures.truth_files import MaskFiles

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "motion_shapes/st_abn_tiny_evidence"
NONE = ["--spatial", "0", "--temporal", "0", "--swap", "0"]


def run(tool: str, *arguments: object) -> None:
    command = [sys.executable, str(ROOT / "tools" / tool), *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def write_random(edits: Path, data: Path, out: Path) -> None:
    """Masks and times of the edited videos, moved by chance, over the edges to the other side."""
    rng, videos = np.random.default_rng(0), {}
    for name in read_edits(edits):
        folder = MaskFiles(data / "ground_truth")
        truth = folder.read(name, frames=24, height=64, width=64)
        down, right, later = rng.integers(64), rng.integers(64), rng.integers(24)
        masks = np.roll(truth.masks, (down, right), axis=(1, 2))
        videos[name] = edit_of(replace(truth, masks=masks, acting=np.roll(truth.acting, later)))
    write_edits(out, videos)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--shortcut", type=float, default=0.98)
    args = parser.parse_args()
    data = args.work_dir / "data"
    os.environ["MOTION_SHAPES"] = str(data.resolve())
    made = ["--videos", 1200, "--val-videos", 240, "--shortcut", args.shortcut]
    run("data/make_motion_shapes.py", data, *made)
    edits, chance = args.work_dir / "edits.json", args.work_dir / "random.json"
    run("data/truth_to_edits.py", load_config(CONFIG).filename, edits)
    write_random(edits, data, chance)
    print(f"{'seed':>4}  {'':<13}accuracy  pointing")
    for seed in args.seeds:
        base = args.work_dir / f"seed_{seed}"
        run("train_recognizer.py", CONFIG, "--work-dir", base, "--seed", seed, "--no-validate")
        for name, file, options in (
            ("edits", edits, []),
            ("no edits", edits, NONE),
            ("random masks", chance, []),
        ):
            out = base / name.replace(" ", "_")
            seeded = ["--shown", 0, "--cfg-options", f"randomness.seed={seed}"]
            taught = [CONFIG, base / "epoch_12.pth", file, "--work-dir", out]
            run("finetune_edits.py", *taught, *options, *seeded)
            report = json.loads((out / "edits_report.json").read_text())
            rows = [(name, report["after"])]
            for row, found in [("before", report["before"]), *rows] if name == "edits" else rows:
                accuracy = f"{100 * found['accuracy']:6.1f} %"
                print(f"{seed:>4}  {row:<13}{accuracy}  {found['pointing']:8.3f}", flush=True)


if __name__ == "__main__":
    main()
