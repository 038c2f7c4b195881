"""Print one table of a run: top-1 of both branches beside chance, and the seconds it took.

python tools/analysis/summarize_run.py scores.metrics.json --classes classes.txt --seconds 95
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command
from mmaction.errors import UserError


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("metrics", help=".metrics.json of tools/test_recognizer.py --out")
    parser.add_argument("--classes", required=True, help="classes.txt of the data set")
    parser.add_argument("--seconds", type=int, required=True, help="that the run took")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    try:
        metrics = json.loads(Path(args.metrics).read_text())
        classes = Path(args.classes).read_text().split()
        rows = [
            ("perception branch", metrics["perception/top1"]),
            ("attention branch", metrics["attention/top1"]),
            ("chance", 1 / len(classes)),
        ]
    except (OSError, ValueError, KeyError) as e:
        raise UserError(f"{args.metrics}, {args.classes}: can't be read ({e})") from e
    print(f"{'':<20}{'top-1':>8}")
    for name, share in rows:
        print(f"{name:<20}{100 * share:>6.1f} %")
    print(f"{'seconds':<20}{args.seconds:>6}")


if __name__ == "__main__":
    sys.exit(run_command(main))
