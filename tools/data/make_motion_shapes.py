"""Make motion_shapes, a small data set whose classes are told apart by motion.

python tools/data/make_motion_shapes.py data/motion_shapes --videos 1200 --val-videos 240
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("out", metavar="OUT", help="directory to make")
    add("--videos", type=int, default=1000, help="for training (default %(default)s)")
    add("--val-videos", type=int, help="for validation (default: a fifth of --videos)")
    add("--seed", type=int, default=0, help="of all that is random (default %(default)s)")
    add("--frames", type=int, default=24, help="of a video (default %(default)s)")
    add("--size", type=int, default=64, help="height and width in pixels (default %(default)s)")
    add(
        "--camera",
        default="still",
        metavar="HOW",
        help="still, pan, zoom, shake, follow or mixed: how it moves over a textured world that is "
        "larger than the picture (default still)",
    )
    add("--busy", action="store_true", help="one more body drifts through at a constant pace")
    add(
        "--shortcut",
        type=float,
        metavar="SHARE",
        help="a mark in a corner tells the class in this share of the training videos and a wrong "
        "one in all others (default: no marks)",
    )
    add("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default %(default)s)")
    add("--overwrite", action="store_true", help="replace a motion_shapes data set at OUT")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.dataprep.motion_shapes import CLASSES, DataSetOptions, make_data_set

    options = DataSetOptions(
        videos=args.videos,
        val_videos=(
            max(len(CLASSES), args.videos // 5) if args.val_videos is None else args.val_videos
        ),
        seed=args.seed,
        frames=args.frames,
        size=args.size,
        camera=args.camera,
        busy=args.busy,
        shortcut=args.shortcut,
    )
    made = make_data_set(args.out, options, jobs=args.jobs, overwrite=args.overwrite)
    print(f"{args.out}: {'made' if made else 'already there'}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
