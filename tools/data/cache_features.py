"""Compute a frozen backbone's features of the training videos once, to train on them in minutes.

Then train with --cfg-options train_dataloader.dataset.type=FeatureDataset
train_dataloader.dataset.features=OUT; tests take the whole network from videos, as ever.

python tools/data/cache_features.py config_files/skate/st_abn_lite0_frozen.py lite0.features
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_config_options, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config with model.backbone.frozen=True")
    parser.add_argument("out", metavar="OUT", help="file to make; interrupted, it goes on")
    parser.add_argument(
        "--views", type=int, default=8, help="augmented views of a video (default %(default)s)"
    )
    add_config_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis import load_config
    from mmaction.apis.cache_features import cache_features

    file = cache_features(load_config(args.config, args.cfg_options), args.out, views=args.views)
    videos, views = file.labels.shape
    size = os.path.getsize(args.out) / 1e9
    print(f"{args.out}: {videos} videos × {views} views, {size:.3f} GB")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
