"""Write a checkpoint of other code in this project's names, as .pth or .safetensors.

python tools/convert/convert_checkpoint.py authors.pth st_abn.safetensors
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, add_config_options, run_command

LAYOUTS = (
    "auto",
    "st-abn",
    "stabn",
    "tpn",
    "mmaction",
    "mmaction2",
    "tsm",
    "pytorchvideo",
    "torchvision",
    "efficientnet_lite0",
    "plain",
)


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("source", help="the checkpoint: .pth or .safetensors")
    parser.add_argument("out", metavar="OUT.pth|OUT.safetensors", help="what to write")
    parser.add_argument(
        "--from",
        dest="layout",
        choices=LAYOUTS,
        default="auto",
        help="whose names it has; plain takes them as they are (default: told by the names)",
    )
    parser.add_argument(
        "--trust",
        action="store_true",
        help="unpickle all that the file asks for: ITS CODE RUNS, only for files whose maker you"
        " trust; what is written is plain weights again",
    )
    parser.add_argument(
        "--keys", action="store_true", help="print each weight's name, and what becomes of it"
    )
    parser.add_argument("--config", help="write only what fits this config's network")
    add_config_options(parser)
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.apis import load_config
    from mmaction.apis.convert_checkpoint import convert_checkpoint
    from mmaction.convert.settings import as_python

    cfg = load_config(args.config, args.cfg_options) if args.config else None
    found = convert_checkpoint(args.source, args.out, layout=args.layout, trust=args.trust, cfg=cfg)
    print(f"{args.source}: {found.layout.title}")
    for start, count in sorted(found.dropped.items()):
        print(f"left out, as {found.layout.why_unused}: {start}.* ({count})")
    if args.keys:
        for own in found.state:
            print(f"{found.theirs.get(own, 'of torch, at its start value')} -> {own}")
    if found.settings is not None:
        print(f"a config for it:\n{as_python(found.settings, found.assumes)}")
    checked = f", fits {args.config}" if args.config else ""
    print(f"{len(found.state)} weights  {args.out}{checked}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
