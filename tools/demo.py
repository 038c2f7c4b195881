"""Write what a video shows, where and when a checkpoint looked, from its beginning to its end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_model_options, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add_model_options(parser)
    parser.add_argument("source", help="a video file")
    parser.add_argument(
        "--out",
        required=True,
        help="film.mp4: the video with labels and attention; answers.json; or a directory: a page",
    )
    parser.add_argument("--window-sec", type=float, default=2.0, help="of a part (default: 2)")
    parser.add_argument(
        "--stride-sec", type=float, default=0.5, help="from part to part (default: 0.5)"
    )
    parser.add_argument("--explainer", default="attention", help="default: the network's attention")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis.demo import demo
    from mmaction.apis.recognizer import load

    model = load(args.model, config=args.config, trust=args.trust)
    times = dict(window_sec=args.window_sec, stride_sec=args.stride_sec)
    for part in demo(model, args.source, args.out, explainer=args.explainer, **times):
        ((label, probability),) = part.top(1)
        assert part.seconds is not None  # a video file has a rate
        print(f"{part.seconds[0]:8.2f} to {part.seconds[-1]:8.2f} s  {probability:.3f}  {label}")
    print(f"written: {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
