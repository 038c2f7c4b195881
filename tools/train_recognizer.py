"""Train a recognizer from a config file.

python tools/train_recognizer.py config_files/sthv1/st_abn_32.py --gpus 8
python tools/train_recognizer.py config_files/sthv1/st_abn_32.py --dry-run
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_run_arguments, run_command, start_processes


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    validation = parser.add_mutually_exclusive_group()
    validation.add_argument(
        "--validate",
        action=argparse.BooleanOptionalAction,
        help="demand a validation set, or leave validation out; default: where the config has one",
    )
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--resume-from",
        metavar="FILE",
        help="go on from a checkpoint: weights, optimizer, schedule, epoch; 'auto': the newest",
    )
    start.add_argument("--load-from", metavar="FILE", help="start at epoch 0 from these weights")
    parser.add_argument("--seed", type=int, help="of weights, order and augmentation")
    parser.add_argument(
        "--amp", action="store_true", help="mixed precision: fp16 on a GPU, bf16 without one"
    )
    parser.add_argument("--amp-dtype", choices=("bf16", "fp16"), help="which mixed precision")
    parser.add_argument(
        "--auto-scale-lr", action="store_true", help="scale the learning rate to the actual batch"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the config as resolved and what would be trained, then stop",
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if args.gpus != 1 and args.launcher == "none" and not args.dry_run:
        return start_processes(args.gpus)

    from mmaction.apis import load_config, train
    from mmaction.apis.train import apply_train_options
    from mmaction.engine.distributed import leave_processes

    cfg = load_config(args.config, args.cfg_options)
    apply_train_options(cfg, args)
    if args.dry_run:
        from mmaction.apis.dry_run import dry_run

        print(dry_run(cfg, processes=args.gpus))
        return 0
    train(cfg)
    leave_processes()
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
