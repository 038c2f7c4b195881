"""Draw what trainings logged: losses and accuracies, several runs over one another.

python tools/analysis/plot_curves.py work_dirs/a work_dirs/b --keys loss,lr
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command
from mmaction.errors import UserError

USUAL = ("loss", "perception/top1", "attention/top1", "lr")


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("work_dirs", nargs="+", metavar="WORK_DIR", help="of a training")
    parser.add_argument(
        "--keys", default=",".join(USUAL), help="separated by commas (default: %(default)s)"
    )
    parser.add_argument("--out", default="curves.png", help="also .svg or .pdf (curves.png)")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from matplotlib.figure import Figure

    from mmaction.apis.run_record import read_logs

    runs = {work_dir: read_logs(work_dir) for work_dir in args.work_dirs}
    known = {key for run in runs.values() for key in run}
    keys = [key for key in args.keys.split(",") if key in known or args.keys != ",".join(USUAL)]
    if not keys or not known.issuperset(keys):
        raise UserError(f"--keys {args.keys}: expected some of {','.join(sorted(known))}")
    figure = Figure(figsize=(5 * len(keys), 4), layout="constrained")
    for ax, key in zip(figure.subplots(1, len(keys), squeeze=False).flat, keys, strict=True):
        for work_dir, run in runs.items():
            ax.plot(*zip(*sorted(run.get(key, {}).items()), strict=True), ".-", label=work_dir)
        ax.set(title=key, xlabel="epoch" if "/" in key else "step")
    figure.axes[0].legend()
    try:
        figure.savefig(args.out)
    except (OSError, ValueError) as e:
        raise UserError(f"--out {args.out}: can't be written: {e}") from e
    print(f"curves  {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
