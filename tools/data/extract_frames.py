"""Write the frames of videos as JPEG files, a directory a video.

Can be stopped and started again at any time; what is done is skipped.

python tools/data/extract_frames.py videos/ frames/ --short-side 256
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("videos", metavar="VIDEOS", help="directory that is searched, or a text list of videos")
    add("out", metavar="OUT", help="directory for the directories of frames")
    add(
        "--image-tmpl",
        default="img_{:05d}.jpg",
        help="file name of a frame, numbered from 1 (default %(default)s)",
    )
    add("--short-side", type=int, metavar="N", help="resize to N pixels; never enlarges")
    add("--fps", type=float, help="take frames by time (default: every frame once)")
    add("--quality", type=int, default=95, help="of JPEG, 1 to 100 (default %(default)s)")
    add(
        "--keep-damaged",
        action="store_true",
        help="keep the frames before the damage of videos that are damaged or cut short",
    )
    add("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default %(default)s)")
    add("--report", metavar="FILE", help="write what was done and what failed as json")
    add("--overwrite", action="store_true", help="replace frames made with other options")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from mmaction.dataprep.extract import ExtractOptions, extract_videos
    from mmaction.files import atomic_path

    options = ExtractOptions(
        image_tmpl=args.image_tmpl,
        fps=args.fps,
        short_side=args.short_side,
        quality=args.quality,
        keep_damaged=args.keep_damaged,
    )
    report = extract_videos(
        args.videos, args.out, options, jobs=args.jobs, overwrite=args.overwrite
    )
    print(
        f"{args.out}: {len(report.extracted)} videos extracted ({report.frames} frames),"
        f" {report.already_there} already there, {len(report.failed)} failed"
    )
    for problem in report.damaged.values():
        print(f"damaged, frames before that kept: {problem}")
    for problem in report.failed.values():
        print(f"failed: {problem}")
    if args.report:
        with atomic_path(args.report) as draft:
            draft.write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
