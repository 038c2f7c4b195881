"""Look at every video of every split of a config.

Says what is missing, damaged, wrongly annotated, there twice, or in two splits.

python tools/data/check_dataset.py config_files/sthv1/st_abn_32.py --decode
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
import time

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_config_options, run_command
from mmaction.exit_codes import EXIT_FAILED


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__,
        epilog="exit code: 0 without errors (warnings and notes are none), 1 with errors in the"
        " data, 2 where the config can't be used",
    )
    add = parser.add_argument
    add("config", help="config file, such as config_files/sthv1/st_abn_32.py")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--decode", action="store_true", help="decode every frame, too; much slower")
    how.add_argument(
        "--fast", action="store_true", help="names and numbers alone: no file is opened"
    )
    add("--out", metavar="FILE", help="list of all problems, .jsonl (one a line) or .json")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default %(default)s)")
    add_config_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()

    from mmaction.datacheck.check import check_dataset
    from mmaction.apis.config import load_config
    from mmaction.datacheck.problems import ERROR, SEVERITIES, collect_problems
    from mmaction.datacheck.findings import Depth

    depth = Depth.PIXELS if args.decode else Depth.NAMES if args.fast else Depth.FILES
    start = time.monotonic()
    cfg = load_config(args.config, args.cfg_options)
    with collect_problems(args.out) as problems:
        lists = check_dataset(cfg, problems, depth=depth, jobs=args.jobs, stream=sys.stderr)
    for one in lists:
        if not len(one) and not one.problems:
            continue  # include and exclude leave nothing of it here
        splits = ", ".join((one.split, *one.also))
        print(f"{splits:<18}{one.file}: {len(one):,} videos in {one.root}")
    for line in problems.summary():
        print(line)
    counts = ", ".join(_count(problems.total(severity), severity) for severity in SEVERITIES)
    listed = f"; all in {args.out}" if args.out else ""
    print(f"{counts} in {time.monotonic() - start:.1f} s{listed}")
    return EXIT_FAILED if problems.total(ERROR) else 0


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


if __name__ == "__main__":
    sys.exit(run_command(main))
