"""What videos show: a table with a row a video. Interrupted, the same command goes on.

python tools/predict.py epoch_12.pth videos/ --out predictions.csv
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import (
    LAUNCHERS,
    ArgumentParser,
    add_backend_options,
    add_model_options,
    run_command,
    start_processes,
)
from mmaction.exit_codes import EXIT_FAILED


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add_model_options(parser)
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="video files; directories of frames, or of videos; lists (.txt), a path a line",
    )
    parser.add_argument("--out", required=True, help="the table: .csv, .json or .parquet")
    parser.add_argument("--top", type=int, default=5, help="classes of a row (default: 5)")
    parser.add_argument("--batch-size", type=int, default=8, help="videos at once (default: 8)")
    parser.add_argument("--num-workers", type=int, default=2, help="that decode (default: 2)")
    add_backend_options(parser)
    parser.add_argument("--explain", metavar="DIR", help="write pages of where and when it looked")
    parser.add_argument(
        "--gpus",
        type=int,
        help="processes, one a GPU (default: 1; on Ray all there are)",
    )
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="ray: on a Ray cluster"
    )
    # torchrun says so itself.
    by_torchrun = "pytorch" if "TORCHELASTIC_RUN_ID" in os.environ else "none"
    parser.add_argument(
        "--launcher", choices=LAUNCHERS, default=by_torchrun, help="who starts processes"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if args.gpus not in (None, 1) and args.launcher == "none" and args.engine == "local":
        return start_processes(args.gpus)

    from mmengine.dist import is_main_process

    from mmaction.apis.predict import PredictOptions, predict
    from mmaction.engine.distributed import leave_processes

    given = vars(args)
    options = {name: given[name] for name in PredictOptions.__dataclass_fields__}
    found = predict(args.model, args.sources, out=args.out, options=PredictOptions(**options))
    if is_main_process():
        bad = f", {found.bad} of them can't be read: see their errors there" if found.bad else ""
        print(f"{found.videos} videos in {args.out}{bad}")
        if args.explain:
            print(f"page    {os.path.join(args.explain, 'index.html')}")
    leave_processes()
    return EXIT_FAILED if found.bad else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
