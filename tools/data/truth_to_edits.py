"""Edits of where and when to look, from masks or boxes that a data set has of its training videos.

python tools/data/truth_to_edits.py config_files/motion_shapes/st_abn_tiny_evidence.py edits.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_config_options, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("config", help="whose train_dataloader has the videos")
    parser.add_argument("out", metavar="EDITS", help="file to write, such as edits.json")
    parser.add_argument("--videos", type=int, default=24, help="as many (default %(default)s)")
    parser.add_argument("--every", type=int, default=1, help="frames from key to key (default 1)")
    parser.add_argument(
        "--away-only",
        action="store_true",
        help="say where not to look alone: of masks much larger than who acts, such as a csv's halves",
    )
    parser.add_argument("--seed", type=int, default=0, help="of which videos (default 0)")
    parser.add_argument(
        "--ground-truth",
        metavar="PATH",
        help="directory of <video>.npz, file of boxes in UCF101-24's format, or csv of who acts "
        "(default: ground_truth/ beside the data_root)",
    )
    add_config_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis import load_config
    from mmaction.apis.cache_features import use_clips
    from mmaction.apis.evaluate import choose_videos
    from mmaction.apis.truth_edits import truth_edits
    from mmaction.datasets.edits import write_edits
    from mmaction.errors import ConfigError
    from mmaction.explain.measures import open_ground_truth
    from mmaction.readable_errors import readable_build_errors
    from mmaction.registry import DATASETS

    cfg = load_config(args.config, args.cfg_options)
    if args.videos < 1 or args.every < 1:
        raise ConfigError("--videos and --every: expected 1 or more")
    with readable_build_errors():
        use_clips(cfg)
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
    reader = None if args.ground_truth is None else open_ground_truth(args.ground_truth)
    indices = choose_videos(dataset.labels, args.videos, args.seed)
    edits = truth_edits(
        dataset, indices, reader=reader, every=args.every, look=not args.away_only
    )
    write_edits(args.out, edits)
    print(f"{args.out}: edits of {len(indices)} videos")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
