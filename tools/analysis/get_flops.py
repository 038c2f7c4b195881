"""Count parameters and multiply-accumulates (MAC) of a config's network by part, for one clip.

Takes seconds and no memory, whatever the size.

python tools/analysis/get_flops.py config_files/sthv1/st_abn_32.py --shape 32 224 224
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_config_options, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file, such as config_files/sthv1/st_abn_32.py")
    parser.add_argument(
        "--shape",
        nargs=3,
        type=int,
        metavar=("T", "H", "W"),
        help="frames and pixels of the clip (default: the config's)",
    )
    add_config_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()

    from mmaction.apis.complexity import recognizer_complexity
    from mmaction.apis.config import load_config

    cfg = load_config(args.config, args.cfg_options)
    (frames, height, width), parts = recognizer_complexity(cfg, args.shape)
    total = parts[0]
    print(f"{cfg.model.type}, one clip of {frames}×{height}×{width}")
    print(f"{'part':<28}{'parameters':>13}{'MAC':>12}{'share':>9}")
    for part in [*parts[1:], total]:
        name = "  " * part.name.count(".") + part.name.rpartition(".")[2] or "all"
        share = part.macs / total.macs if total.macs else 0.0
        print(f"{name:<28}{part.parameters / 1e6:>11.3f} M{part.macs / 1e9:>10.3f} G{share:>9.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
