"""Draw what trainings logged: losses and accuracies, several runs over one another.

python tools/analysis/plot_curves.py work_dirs/a work_dirs/b --keys loss,lr
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command
from mmaction.errors import UserError

Curves = dict[str, dict[int, float]]  # key → step, or epoch of validation → value
USUAL = ("loss", "perception/top1", "attention/top1", "lr")


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("work_dirs", nargs="+", metavar="WORK_DIR", help="of a training")
    parser.add_argument(
        "--keys", default=",".join(USUAL), help="separated by commas (default: %(default)s)"
    )
    parser.add_argument("--out", default="curves.png", help="also .svg or .pdf (curves.png)")
    return parser.parse_args()


def read_run(work_dir: str) -> Curves:
    """What a training logged; a resumed one replaces what it did again.

    Raises:
        UserError: ``work_dir`` holds no logs.
    """
    curves: Curves = {}
    for file in sorted(Path(work_dir).glob("*/vis_data/scalars.json")):
        records = []
        for line in file.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # the run was killed while it wrote
                records.append(json.loads(line))
        first = next((record for record in records if "iter" in record), {"step": math.inf})
        for key, curve in curves.items():
            start = first.get("epoch", first["step"]) if "/" in key else first["step"]
            curves[key] = {step: value for step, value in curve.items() if step < start}
        for record in records:
            for key in record.keys() - {"step", "iter", "epoch"}:
                if "iter" in record or "/" in key:
                    curves.setdefault(key, {})[record["step"]] = record[key]
    if not curves:
        raise UserError(f"{work_dir}: no logs of a training here; expected */vis_data/scalars.json")
    return curves


def main() -> int:
    args = parse_args()
    from matplotlib.figure import Figure

    runs = {work_dir: read_run(work_dir) for work_dir in args.work_dirs}
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
