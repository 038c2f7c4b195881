"""Pack directories of frames into one .lmdb file, and read it back; or check a pack that there is.

data_root may name the file in the place of the directory.

python tools/data/pack_frames.py frames/ frames.lmdb
python tools/data/pack_frames.py --verify frames.lmdb
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command
from mmaction.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__,
        usage="%(prog)s SRC_DIR OUT.lmdb [--overwrite]\n       %(prog)s --verify PACK",
    )
    add = parser.add_argument
    add("source", metavar="SRC_DIR", nargs="?", help="directory of the videos' directories")
    add("out", metavar="OUT", nargs="?", help="pack to make")
    add("--verify", metavar="PACK", help="make nothing, compare this pack with its checksums")
    add("--overwrite", action="store_true", help="make OUT anew where it is there")
    return parser.parse_intermixed_args()


def main() -> int:
    args = parse_args()
    from mmaction.dataprep.pack import pack_frames, verify_pack

    if (args.verify is None) != (args.out is not None) or (args.verify and args.source):
        raise ConfigError("expected SRC_DIR and OUT, or --verify PACK alone; --help says more")
    if args.verify is not None:
        frames = verify_pack(args.verify)
    else:
        frames = pack_frames(args.source, args.out, overwrite=args.overwrite)
    path = args.verify or args.out
    print(f"{path}: {frames} frames, {os.path.getsize(path) / 1e9:.3f} GB, verified")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
