"""Look at where and when a checkpoint looks in videos of your own.

python tools/visualize.py config_files/sthv1/st_abn_32.py epoch_60.pth match.mp4 --out look
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_config_options, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("config", help="such as config_files/motion_shapes/st_abn_tiny_evidence.py")
    parser.add_argument("checkpoint", help="weights of the config's network")
    parser.add_argument(
        "videos",
        nargs="+",
        metavar="VIDEO|FRAMES_DIR",
        help="video files (mp4, webm, avi, …) and directories of numbered frames",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="where to (default: visualization/ in the config's work_dir)"
    )
    parser.add_argument(
        "--explainers",
        nargs="+",
        default=["attention"],
        metavar="NAME",
        help="such as attention,grad_cam or rise:masks=500 (default: attention)",
    )
    add_config_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis import load_config
    from mmaction.apis.visualize import visualize
    from mmaction.datasets.splits import class_names_of

    cfg = load_config(args.config, args.cfg_options)
    out = args.out or os.path.join(cfg.work_dir, "visualization")
    entries = visualize(cfg, args.checkpoint, args.videos, out=out, explainers=args.explainers)
    count = cfg.model.num_classes
    classes = class_names_of(cfg.test_dataloader.dataset, count)
    classes = classes or tuple(f"class {number}" for number in range(count))
    lines = []
    for entry in entries:
        assert entry.prediction is not None
        assert entry.probability is not None
        lines.append((entry.name, classes[entry.prediction], entry.probability))
    names, answers, _ = zip(*lines, strict=True)
    widths = [max(map(len, names)), max(map(len, answers))]
    for name, answer, probability in lines:
        print(f"{name:<{widths[0]}}  {answer:<{widths[1]}}  {100 * probability:5.1f} %")
    print(f"page  {os.path.join(out, 'index.html')}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
