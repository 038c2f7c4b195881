"""One table of trainings: accuracies, sizes, speed, and measures of the explanations.

Read from what the runs recorded, and from .metrics.json of tests and results.json of
evaluate_explanations.py where these were written into their work_dirs.

python tools/analysis/compare.py work_dirs/a work_dirs/b --out table.md
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("work_dirs", nargs="+", metavar="WORK_DIR", help="of a training")
    parser.add_argument("--out", metavar="FILE", help="also write it, .csv or .md, a line a run")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis.compare import as_text, compare, save

    rows = compare(args.work_dirs)
    if args.out:
        save(rows, args.out)
    print(as_text(rows))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
