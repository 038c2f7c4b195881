"""What a long annotation list costs: ``python benchmarks/annotation_memory.py``.

Seconds to load it, and the memory that it adds to a run with one worker and with eight: the sum
over all processes of their proportional set sizes, with a long list less the same with a short one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
from timing import print_table, report_machine
from torch.utils.data import DataLoader

from mmaction.datasets import AnnotationList, EpochSampler, RawframeDataset, collate_clips

LINES, FEW_LINES, WORKERS = 240_000, 100, (1, 8)
CLASSES, FRAMES = 400, 2
PIPELINE = [
    dict(type="SampleFrames", clip_len=FRAMES),
    dict(type="DecodeFrames"),
    dict(type="PackClips"),
]
KIB = 1024


def write_list(path: Path, lines: int) -> Path:
    """Names as long as Kinetics' are; all of them link to one video where they are read."""
    with path.open("w") as file:
        for number in range(lines):
            name = f"class_{number % CLASSES:03d}/{number:011d}_000010_000020"
            file.write(f"{name} {FRAMES} {number % CLASSES}\n")
    return path


def make_videos(root: Path, annotations: AnnotationList, indices: list[int]) -> None:
    video = root / "video"
    video.mkdir()
    for number in range(1, FRAMES + 1):
        assert cv2.imwrite(str(video / f"img_{number:05d}.jpg"), np.zeros((16, 16, 3), np.uint8))
    for index in indices:
        link = root / annotations.name(index)
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(video)


def proportional_bytes(pids: list[int]) -> int:
    """Memory of some processes, what they share counted once."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total * KIB


def run_bytes(list_file: Path, root: Path, *, workers: int, samples: int) -> int:
    """Memory of a process of its own and its workers after some batches."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        os.waitpid(child, 0)
        with os.fdopen(reader) as file:
            return int(file.read())
    dataset = RawframeDataset(ann_file=list_file, data_root=root, pipeline=PIPELINE)
    loader = DataLoader(
        dataset,
        batch_size=4,
        num_workers=workers,
        sampler=EpochSampler(range(samples), shuffle=False, seed=0),
        collate_fn=collate_clips,
        persistent_workers=True,
    )
    for _ in loader:
        pass
    pids = [worker.pid for worker in loader._iterator._workers]
    os.write(writer, str(proportional_bytes([os.getpid(), *pids])).encode())
    del loader
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    warnings.filterwarnings("ignore", "This DataLoader will create")  # more than there are cores
    report_machine()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        long, short = (
            write_list(root / "long.txt", LINES),
            write_list(root / "short.txt", FEW_LINES),
        )
        seconds = []
        for _ in range(rounds):
            started = time.perf_counter()
            AnnotationList.load(long)
            seconds.append(time.perf_counter() - started)
        make_videos(root, AnnotationList.load(short), list(range(FEW_LINES)))
        costs = {
            workers: statistics.median(
                run_bytes(long, root, workers=workers, samples=FEW_LINES)
                - run_bytes(short, root, workers=workers, samples=FEW_LINES)
                for _ in range(rounds)
            )
            for workers in WORKERS
        }
    print(f"{LINES:,} lines, medians of {rounds} rounds\n")
    print_table(
        ["", "", "× one worker"],
        [
            ["seconds to load", f"{statistics.median(seconds):.2f}", ""],
            *(
                [
                    f"MB that the list costs, {w} worker(s)",
                    f"{c / 1e6:.1f}",
                    f"{c / costs[WORKERS[0]]:.2f}",
                ]
                for w, c in costs.items()
            ),
        ],
    )


if __name__ == "__main__":
    main()
