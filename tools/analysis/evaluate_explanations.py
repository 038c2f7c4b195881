"""Measure whether explanations are true: one table, explainers × measures, with intervals.

python tools/analysis/evaluate_explanations.py config_files/sthv1/st_abn_32.py epoch_60.pth
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
    parser.add_argument(
        "--explainers",
        nargs="+",
        default=["attention"],
        metavar="NAME",
        help="such as attention,grad_cam or rise:masks=500; the controls random, frame_difference "
        "and compensated_difference are always added, the first one is compared with the others "
        "(default: attention)",
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        default=[],
        metavar="METRIC",
        help="joint, spatial, temporal (insertion and deletion), confidence, localization, "
        "concatenation, sanity, intervention, a single measure of the table, or all "
        "(default: all that can be measured but sanity)",
    )
    parser.add_argument("--out", metavar="DIR", help="write table.csv, results.json and pictures")
    parser.add_argument("--steps", type=int, default=16, help="points of a curve (default 16)")
    parser.add_argument("--fill", default="mean", help="of deleted cells: mean (default) or blur")
    parser.add_argument(
        "--temporal-fill", default="freeze", help="of deleted frames: freeze (default) or black"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="PX",
        help="of the pointing game (default 0)",
    )
    parser.add_argument(
        "--all-videos",
        action="store_true",
        help="localization counts also videos that are not recognised",
    )
    parser.add_argument(
        "--sanity-videos", type=int, default=12, help="of the videos, for sanity (default 12)"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis import load_config
    from mmaction.apis.evaluate import evaluate_explanations
    from mmaction.explain.measures import EvaluationOptions

    options = EvaluationOptions(
        metrics=[name for text in args.metrics for name in text.split(",") if name],
        videos=args.videos,
        seed=args.seed,
        steps=args.steps,
        fill=args.fill,
        temporal_fill=args.temporal_fill,
        tolerance_px=args.tolerance,
        only_correct=not args.all_videos,
        ground_truth=args.ground_truth,
        sanity_videos=args.sanity_videos,
        batch_size=args.batch_size,
    )
    cfg = load_config(args.config, args.cfg_options)
    table = evaluate_explanations(
        cfg, args.checkpoint, args.explainers, options=options, out=args.out
    )
    right = sum(video["label"] == video["prediction"] for video in table.videos)
    print(f"{len(table.videos)} videos, {right} recognised correctly\n\n{table.text()}")
    if args.out:
        print(f"\ntable, values and curves  {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
