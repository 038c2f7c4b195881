"""Show which classes are taken for which, and how well each is recognised, from kept scores.

python tools/analysis/confusion_matrix.py scores.pkl --classes classes.txt
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("scores", metavar="SCORES.pkl", help="of tools/test_recognizer.py --out")
    parser.add_argument("--classes", metavar="FILE", help="class names, one a line")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="pictures and tables go there (default: SCORES_confusion beside the scores)",
    )
    parser.add_argument(
        "--worst", type=int, default=10, help="pairs and classes to print (default 10)"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis.confusion_report import confusion_report
    from mmaction.errors import ConfigError

    if args.worst < 0:
        raise ConfigError(f"--worst {args.worst}: expected 0 or more")
    report = confusion_report(args.scores, classes=args.classes)
    scores = Path(args.scores)
    out = args.out or scores.with_name(f"{scores.stem}_confusion")
    report.save(out, source=scores.name)
    print(f"{report.text(args.worst)}\n\npictures and tables  {out}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
