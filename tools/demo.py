"""What a video, camera or stream shows, where and when a checkpoint looked.

python tools/demo.py epoch_12.pth match.mp4 --out film.mp4
python tools/demo.py epoch_12.pth rtsp://camera.local/stream
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_model_options, run_command
from mmaction.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add_model_options(parser)
    parser.add_argument("source", help="a video file; a camera's number; a stream's address")
    parser.add_argument(
        "--out",
        help="film.mp4: the video with labels and attention; of a file also answers.json, or a"
        " directory: a page. Of a camera or stream without it: a page that shows them",
    )
    parser.add_argument("--port", type=int, default=8000, help="of that page (default: 8000)")
    parser.add_argument("--window-sec", type=float, default=2.0, help="of a part (default: 2)")
    parser.add_argument(
        "--stride-sec", type=float, default=0.5, help="from part to part (default: 0.5)"
    )
    parser.add_argument("--explainer", default="attention", help="default: the network's attention")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis.demo import demo
    from mmaction.apis.live_demo import live_demo
    from mmaction.apis.recognizer import load
    from mmaction.inference.live import is_live

    live = is_live(args.source)
    if not live and not args.out:
        raise ConfigError("--out is missing: film.mp4, answers.json or a directory")
    model = load(args.model, config=args.config, trust=args.trust)
    if live:
        how = dict(window_sec=args.window_sec, explainer=args.explainer)
        out = Path(args.out) if args.out else None
        found = live_demo(model, args.source, out=out, port=args.port, **how)
        print(
            f"{found.shown} pictures of {found.read} frames, {found.read - found.shown} dropped;"
            f" delay {found.mean_sec:.2f} s on average, {found.most_sec:.2f} s at most"
        )
        if found.problem:
            print(f"ended: {found.problem}")
        if args.out:
            print(f"written: {args.out}")
        return 0
    times = dict(window_sec=args.window_sec, stride_sec=args.stride_sec)
    for part in demo(model, args.source, args.out, explainer=args.explainer, **times):
        ((label, probability),) = part.top(1)
        assert part.seconds is not None  # a video file has a rate
        print(f"{part.seconds[0]:8.2f} to {part.seconds[-1]:8.2f} s  {probability:.3f}  {label}")
    print(f"written: {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
