"""Write a card of a checkpoint's explanations: whether they are used and true, in plain words.

python tools/analysis/explanation_card.py config_files/sthv1/st_abn_32.py epoch_60.pth
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_measure_options, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add_measure_options(parser, videos=48)
    add = parser.add_argument
    add(
        "--out",
        metavar="PAGE",
        help="a name that ends in .html, JSON beside it (default: CHECKPOINT's with .card.html, "
        "where publish_model.py finds it)",
    )
    add("--explainer", default="attention", metavar="NAME", help="whose maps (default: attention)")
    add("--steps", type=int, default=8, help="points of a curve (default 8)")
    add("--sanity-videos", type=int, default=12, help="of the videos, for sanity (default 12)")
    add(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="PX",
        help="of the pointing game (default 0)",
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis import load_config
    from mmaction.apis.explanation_card import explanation_card
    from mmaction.explain.measures import EvaluationOptions

    options = EvaluationOptions(
        videos=args.videos,
        steps=args.steps,
        sanity_videos=args.sanity_videos,
        ground_truth=args.ground_truth,
        tolerance_px=args.tolerance,
        seed=args.seed,
        batch_size=args.batch_size,
    )
    cfg = load_config(args.config, args.cfg_options)
    card, page = explanation_card(
        cfg, args.checkpoint, options=options, explainer=args.explainer, out=args.out
    )
    for finding in card.findings.values():
        print(f"{finding.question} {finding.answer}. {finding.text}\n")
    print(f"page    {page}\nvalues  {page.with_suffix('.json')}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
