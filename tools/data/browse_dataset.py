"""Write pictures of a data set's samples, as the network is given them, and a page with them.

python tools/data/browse_dataset.py config_files/sthv1/st_abn_32.py --out look
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_config_options, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("config", help="config file, such as config_files/sthv1/st_abn_32.py")
    add("--out", required=True, metavar="DIR", help="where index.html and the pictures go")
    add("--split", choices=("train", "val", "test"), default="train", help="(default %(default)s)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--number", type=int, default=12, help="videos, drawn by --seed (default %(default)s)"
    )
    which.add_argument(
        "--index", type=int, nargs="+", metavar="N", help="videos by their position from 0 on"
    )
    add("--epoch", type=int, default=0, help="whose samples, from 0 on (default %(default)s)")
    add("--repeats", type=int, default=1, help="epochs to show of each (default %(default)s)")
    add("--seed", type=int, default=0, help="of the run (default %(default)s)")
    add_config_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()

    from mmaction.datacheck.browse import browse_dataset
    from mmaction.apis.config import load_config

    done = browse_dataset(
        load_config(args.config, args.cfg_options),
        args.out,
        split=args.split,
        indices=args.index,
        number=args.number,
        epoch=args.epoch,
        repeats=args.repeats,
        seed=args.seed,
        name=args.config,
    )
    failed = f", {done.failed} can't be read" if done.failed else ""
    print(f"{done.page}: {done.samples} samples{failed}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
