"""Pack frames into one file: ``python tools/data/pack_frames.py SRC_DIR OUT.lmdb [options]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command
from mmaction.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(
        description="Pack directories of frames into one .lmdb file, which data_root may name"
        " in their place, and compare it with them; or check a pack that there is.",
        usage="%(prog)s SRC_DIR OUT.lmdb [options]\n"
        "       %(prog)s --verify PACK [SRC_DIR] [options]",
    )
    add = parser.add_argument
    add("source", metavar="SRC_DIR", nargs="?", help="directory of the videos' directories")
    add("out", metavar="OUT", nargs="?", help="pack to make; interrupted, it goes on")
    add(
        "--verify",
        metavar="PACK",
        help="make nothing, read this pack: compare it with SRC_DIR, or, without one, with its"
        " own checksums",
    )
    add("--no-verify", action="store_true", help="don't read back and compare what was packed")
    add("--image-tmpl", help="pack only files named so, such as 'img_{:05d}.jpg' (default: images)")
    add("--overwrite", action="store_true", help="replace OUT")
    return parser.parse_intermixed_args()


def main() -> int:
    args = parse_args()
    from mmaction.dataprep.pack import pack_frames, verify_pack

    if args.verify is not None:
        if args.out is not None:
            raise ConfigError("--verify PACK takes SRC_DIR or nothing beside it, no OUT")
        report = verify_pack(args.verify, args.source)
        beside = "" if args.source is None else f", the same as in {args.source}"
        print(f"{args.verify}: {report.frames} frames, {report.size / 1e9:.3f} GB, good{beside}")
    else:
        if args.out is None:
            raise ConfigError("expected SRC_DIR and OUT, or --verify PACK; --help says more")
        report = pack_frames(
            args.source,
            args.out,
            image_tmpl=args.image_tmpl,
            overwrite=args.overwrite,
            verify=not args.no_verify,
        )
        state = "not verified" if args.no_verify else "verified"
        print(f"{args.out}: {report.frames} frames, {report.size / 1e9:.3f} GB, {state}")
        if report.left_out:
            print(f"left out: {report.left_out} other files")
    if report.empty:
        print(f"warning: {report.empty} frames are empty files (zero bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
