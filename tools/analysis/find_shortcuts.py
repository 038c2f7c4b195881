"""Find out whether answers rest on the background: a place, a logo, whatever needs nobody to act.

python tools/analysis/find_shortcuts.py config_files/sthv1/st_abn_32.py epoch_60.pth --out shortcuts
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_measure_options, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add_measure_options(parser, videos=100)
    add = parser.add_argument
    add("--out", metavar="DIR", help="write shortcuts.json and a page of the clips, ranked")
    add("--shown", type=int, default=20, help="clips on the page (default 20)")
    add(
        "--explainer",
        default="attention",
        metavar="NAME",
        help="whose maps mark what is hidden (default: attention)",
    )
    add("--groups", metavar="CSV", help="what each clip belongs to, such as its place")
    add(
        "--group-column",
        default="group",
        metavar="NAME",
        help="column of --groups that says so, beside clip (default: group)",
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis import load_config
    from mmaction.apis.shortcuts import find_shortcuts
    from mmaction.explain.measures import EvaluationOptions

    report = find_shortcuts(
        load_config(args.config, args.cfg_options),
        args.checkpoint,
        options=EvaluationOptions(
            videos=args.videos,
            seed=args.seed,
            ground_truth=args.ground_truth,
            batch_size=args.batch_size,
        ),
        explainer=args.explainer,
        groups=args.groups,
        group_column=args.group_column,
        out=args.out,
        shown=args.shown,
    )
    print(report.text())
    if args.out:
        print(f"\npage and values  {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
