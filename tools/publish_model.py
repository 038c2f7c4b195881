"""Write a checkpoint as one file for others: weights and description alone, and a model card.

python tools/publish_model.py epoch_12.pth st_abn.safetensors
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_model_options, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add_model_options(parser)
    parser.add_argument(
        "out", help="NAME.safetensors or NAME.pth; eight digits of its SHA-256 go behind NAME"
    )
    parser.add_argument(
        "--metrics",
        metavar="F.metrics.json",
        help="from tools/test_recognizer.py --out F.pkl",
    )
    parser.add_argument(
        "--explanations",
        metavar="results.json",
        help="from tools/analysis/evaluate_explanations.py --out "
        "(default: what explanation_card.py put beside the checkpoint)",
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis.publish import publish

    found = publish(
        args.model,
        args.out,
        config=args.config,
        metrics=args.metrics,
        explanations=args.explanations,
        trust=args.trust,
    )
    print(f"model  {found.path} ({found.path.stat().st_size / 1e6:,.1f} MB)")
    print(f"card   {found.card}")
    for note in found.notes:
        print(f"note   {note}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
