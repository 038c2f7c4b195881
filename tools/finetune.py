"""From class folders of videos to a network that is fine-tuned, tested and explained.

Interrupted, the same command goes on.

python tools/finetune.py videos/ --work-dir work_dirs/mine --frozen
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "videos", metavar="VIDEOS", help="directory of CLASS/VIDEO.mp4, or CLASS/VIDEO/ with frames"
    )
    add("--work-dir", help="where everything goes (default: work_dirs/finetune/ and VIDEOS' name)")
    add(
        "--backbone",
        default="tf_efficientnet_lite0",
        metavar="NAME",
        help="a network of timm, or none: a small one from random weights (default %(default)s)",
    )
    add("--weights", metavar="FILE", help="of the backbone, in place of a download")
    add("--frozen", action="store_true", help="train the branches alone, on features computed once")
    add("--views", type=int, default=32, help="of a video, with --frozen (default %(default)s)")
    add("--val-share", type=float, default=0.25, help="of a class held out (default %(default)s)")
    add(
        "--group-by",
        metavar="REGEX",
        help="part of a video's path that names its person or recording: none is on both sides",
    )
    add("--epochs", type=int, help="(default: by the number of videos)")
    add("--seed", type=int, default=0, help="of split and training (default %(default)s)")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default %(default)s)")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis.finetune import Choices, finetune

    name = Path(args.videos).absolute().name
    options = {k: v for k, v in vars(args).items() if k not in ("work_dir", "jobs")}
    work_dir = args.work_dir or Path("work_dirs/finetune", name)
    finetune(Choices(**options), work_dir, jobs=args.jobs)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
