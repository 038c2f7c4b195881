"""Score a config's test set with a checkpoint.

python tools/test_recognizer.py config_files/sthv1/st_abn_32.py epoch_60.pth --out a.pkl
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_run_arguments, run_command, start_processes


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    parser.add_argument("checkpoint", help="weights of the config's network")
    parser.add_argument(
        "--out", metavar="FILE.pkl", help="keep the scores here, and use them if they still hold"
    )
    parser.add_argument(
        "--out-format",
        choices=("table", "list"),
        default="table",
        help="list: the logits alone, an array a video, as MMAction 0.x wrote them",
    )
    parser.add_argument("--ignore-cache", action="store_true", help="compute whatever --out holds")
    parser.add_argument(
        "--eval",
        nargs="+",
        default=["top1", "top5", "mean_class"],
        metavar="METRIC",
        help="top1, top5, mean_class (default: these), mAP; several labels a video: mAP alone",
    )
    parser.add_argument("--log", metavar="FILE", help="write the accuracies there too")
    parser.add_argument(
        "-s",
        "--save-explanations",
        nargs="?",
        const="",
        metavar="DIR",
        help="write every video's attention maps (default: explanations/ in the work_dir)",
    )
    return parser.parse_args(_bare_option_last(sys.argv[1:]))


def _bare_option_last(arguments: list[str]) -> list[str]:
    """Moves a ``-s`` that stands right before the config to the end: it has no DIR then."""
    for place, (option, value) in enumerate(itertools.pairwise(arguments)):
        if option == "-s" and value.endswith(".py"):
            return [*arguments[:place], *arguments[place + 1 :], option]
    return arguments


def main() -> int:
    args = parse_args()
    if args.gpus != 1 and args.launcher == "none":
        return start_processes(args.gpus)

    from mmaction.apis import load_config, test
    from mmaction.apis.console import apply_test_options, report_test
    from mmaction.engine.distributed import leave_processes

    cfg = load_config(args.config, args.cfg_options)
    explanations = apply_test_options(cfg, args)
    outcome = test(
        cfg,
        args.checkpoint,
        out=args.out,
        out_format=args.out_format,
        ignore_cache=args.ignore_cache,
        metrics=args.eval,
        explanations=explanations,
    )
    report_test(outcome, out=args.out, log=args.log, explanations=explanations)
    leave_processes()
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
