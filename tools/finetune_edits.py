"""Teach a checkpoint by edits of its attention, and see it before and after.

python tools/finetune_edits.py CONFIG epoch_12.pth edits.json --work-dir work_dirs/edited
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_config_options, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("config", help="whose training set has the edited videos")
    add("checkpoint", help="weights of the config's network")
    add("edits", help="from the page's edit mode or tools/data/truth_to_edits.py")
    add("--work-dir", help="where everything goes (default: edited/ in the config's work_dir)")
    add("--epochs", type=int, default=4, help="(default %(default)s)")
    add("--lr", type=float, help="the highest, of one cycle (default: the config's)")
    add("--share", type=float, default=0.5, help="of edited clips in an epoch (default 0.5)")
    add("--spatial", type=float, default=10.0, help="weight of where (default %(default)s)")
    add("--temporal", type=float, default=5.0, help="weight of when (default %(default)s)")
    add(
        "--swap",
        type=float,
        default=1.0,
        help="how often what is to be looked away from is another video's (default 1)",
    )
    add("--branches-only", action="store_true", help="leave the backbone as it is")
    add("--videos", type=int, default=240, help="of the test set, to measure (default 240)")
    add("--shown", type=int, default=24, help="of these, on the page (default 24)")
    add(
        "--tolerance",
        type=float,
        default=4.0,
        metavar="PX",
        help="of pointing (default 4, half a cell of 8 pixels)",
    )
    add_config_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis import load_config
    from mmaction.apis.finetune_edits import PAGE, EditTraining, finetune_edits

    cfg = load_config(args.config, args.cfg_options)
    work_dir = Path(args.work_dir or Path(cfg.work_dir, "edited"))
    keys = [
        "epochs",
        "lr",
        "share",
        "spatial",
        "temporal",
        "swap",
        "branches_only",
        "videos",
        "shown",
    ]
    how = EditTraining(**{key: getattr(args, key) for key in keys}, tolerance_px=args.tolerance)
    report = finetune_edits(cfg, args.checkpoint, args.edits, work_dir=work_dir, how=how)
    moved = report["moved"]
    print(f"{report['edited']} edited videos, {moved['videos']} of the test set\n")
    print(f"{'':<34}before   after")
    for name, value in report["before"].items():
        print(f"{name:<34}{value:6.3f}  {report['after'][name]:6.3f}")
    print(
        f"\nanswers changed: {moved['answers']} ({moved['corrected']} corrected,"
        f" {moved['spoiled']} spoiled); attention moved: {moved['attention']:.3f} of it"
    )
    print(f"checkpoint  {report['checkpoint']}\npage  {work_dir / PAGE / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
