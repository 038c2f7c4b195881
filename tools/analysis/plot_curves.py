"""Draw what trainings logged: losses and accuracies, several runs over one another."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmaction.cli import ArgumentParser, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("work_dirs", nargs="+", metavar="WORK_DIR", help="of a training")
    parser.add_argument(
        "--keys",
        nargs="+",
        default=[],
        metavar="KEY",
        help="such as loss,top1_perception,perception/top1 "
        "(default: loss, top-1 of training and validation, learning rate)",
    )
    parser.add_argument(
        "--out", metavar="F.png", help="also .svg or .pdf (default: curves.png in the first one)"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis.plot_curves import plot_curves

    keys = [key.strip() for text in args.keys for key in text.split(",") if key.strip()]
    out = args.out or Path(args.work_dirs[0]) / "curves.png"
    for note in plot_curves(args.work_dirs, out, keys=keys):
        print(note)
    print(f"curves  {out}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
