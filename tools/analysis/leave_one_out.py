"""Train on all groups of videos but one and test on that one, for each group in turn.

python tools/analysis/leave_one_out.py config_files/weizmann4/st_abn.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("config", help="such as config_files/weizmann4/st_abn.py")
    parser.add_argument(
        "--group",
        default=r"(subject\d+)_",
        metavar="REGEX",
        help="names a video's group in parentheses (default: %(default)s)",
    )
    parser.add_argument("--work-dir", default="work_dirs/leave_one_out", help="one folder a group")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cfg-options", nargs="+", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def main() -> int:
    args = parse_args()

    from mmaction.apis.leave_one_out import leave_one_out

    folds = []
    print(f"{'left out':<16}{'videos':>8}{'top-1':>10}{'attention':>11}{'train s':>9}", flush=True)
    for fold in leave_one_out(
        args.config,
        group=args.group,
        work_dir=args.work_dir,
        seed=args.seed,
        options=args.cfg_options,
    ):
        folds.append(fold)
        top1, attention = fold.metrics["perception/top1"], fold.metrics.get("attention/top1")
        shown = "-" if attention is None else f"{100 * attention:.1f} %"
        print(
            f"{fold.group:<16}{fold.videos:>8}{100 * top1:>8.1f} %{shown:>11}"
            f"{fold.train_seconds:>9.0f}",
            flush=True,
        )
    mean = sum(f.metrics["perception/top1"] for f in folds) / len(folds)
    print(f"{'mean':<16}{sum(f.videos for f in folds):>8}{100 * mean:>8.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
