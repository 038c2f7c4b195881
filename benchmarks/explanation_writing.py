"""How many clips a second one core writes, by what is written of them.

    python benchmarks/explanation_writing.py [--repeats 5]

Prints one table: rows are what is written of a clip (arrays: explanation.npz; sheet: sheet.png;
mp4: clip.mp4; page data: player.js and thumb.jpg), columns the clip's size. The clips are made:
smooth scenes with a moving disc and noise, with maps of 8×8 and 14×14 cells. Medians.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# Before numpy and its kin start their threads.
os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np

from mmaction.explain.clip_video import write_clip
from mmaction.explain.page.video_data import write_player, write_thumbnail
from mmaction.explain.records import ClipExplanation
from mmaction.explain.sheet import render_sheet, write_png

SIZES = {"16 × 64²": (16, 64, 8), "32 × 224²": (32, 224, 14)}
CLASSES = 100
CLIPS = 4  # written in one measurement


def make_clip(seed: int, frames: int, size: int, cells: int) -> ClipExplanation:
    """A disc that moves over a smooth ground, and maps that follow it."""
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8), (size, size))
    pixels = np.stack([ground] * frames)
    spatial = rng.uniform(0, 0.2, (frames, cells, cells)).astype(np.float32)
    for index, place in enumerate(np.linspace(0.2, 0.8, frames)):
        centre = (int(place * size), size // 2)
        cv2.circle(pixels[index], centre, size // 8, (250, 240, 30), -1)
        spatial[index, cells // 2, int(place * cells)] += 0.7
    noise = rng.normal(0, 4, pixels.shape)
    return ClipExplanation(
        name=f"clip {seed}",
        frames=np.clip(pixels + noise, 0, 255).astype(np.uint8),
        spatial=spatial,
        temporal=rng.uniform(0, 1, frames).astype(np.float32),
        frame_indices=np.arange(frames, dtype=np.int64),
        scores=rng.normal(size=CLASSES).astype(np.float32),
        attention_scores=rng.normal(size=CLASSES).astype(np.float32),
        label=1,
    )


def write_page_data(clip: ClipExplanation, folder: Path) -> None:
    write_player([[clip]], folder / "player.js", fps=8)
    write_thumbnail(clip, folder / "thumb.jpg")


WRITERS: dict[str, Callable[[ClipExplanation, Path], None]] = {
    "arrays": lambda clip, folder: clip.save(folder / "explanation.npz"),
    "sheet": lambda clip, folder: write_png(render_sheet(clip), folder / "sheet.png"),
    "mp4": lambda clip, folder: write_clip(clip, folder / "clip.mp4"),
    "page data": write_page_data,
}


def clips_per_second(
    write: Callable[[ClipExplanation, Path], None], clips: list[ClipExplanation], repeats: int
) -> float:
    """The median over ``repeats`` passes, after one that counts for nothing."""
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeats + 1):
            # The process's own time: others on the same machine don't count.
            start = time.process_time()
            for clip in clips:
                write(clip, Path(folder))
            rates.append(len(clips) / (time.process_time() - start))
    return float(np.median(rates[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="passes to take the median of")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    made = {name: [make_clip(seed, *size) for seed in range(CLIPS)] for name, size in SIZES.items()}
    print(f"{'clips/s on one core':<20}" + "".join(f"{name:>12}" for name in SIZES))
    for row, write in WRITERS.items():
        rates = [clips_per_second(write, clips, args.repeats) for clips in made.values()]
        print(f"{row:<20}" + "".join(f"{rate:>12.1f}" for rate in rates), flush=True)


if __name__ == "__main__":
    main()
