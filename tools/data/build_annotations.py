"""Write train.txt, val.txt, classes.txt and report.json for a data set.

python tools/data/build_annotations.py folder --videos-root videos/ --out lists/
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout's own package

from mmaction.cli import ArgumentParser, run_command

if TYPE_CHECKING:
    from mmaction.dataprep.listing import Listing
    from mmaction.dataprep.media import MediaRoot

SPLITS = ("train", "val", "test")
PUBLISHED = {
    "sthv1": "Something-Something V1",
    "sthv2": "Something-Something V2",
    "kinetics400": "Kinetics-400",
    "ucf101": "UCF101",
    "hmdb51": "HMDB51",
    "jester": "Jester",
    "diving48": "Diving48",
}


def parse_args() -> argparse.Namespace:
    parser = ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for kind, title in PUBLISHED.items():
        sub = kinds.add_parser(kind, help=f"{title}, from its published files")
        sub.add_argument("annotations", help="directory of the published files")
        sub.add_argument("--labels", help="file of the classes, if it has another name")
        sub.add_argument(
            "--fold", type=int, default=1, help="which of several divisions (default %(default)s)"
        )
        add_common(sub, root_needed=True)
    folder = kinds.add_parser("folder", help="a directory a class")
    add_own(folder)
    add_common(folder, root_needed=True)
    table = kinds.add_parser("csv", help="a csv with columns path, label[, frames][, split]; parts: start_sec, end_sec")
    table.add_argument("table", metavar="CSV", help="the file; its header names the columns")
    add_own(table)
    add_common(table, root_needed=False)
    return parser.parse_args()


def add_own(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--classes", help="file with a class a line, in the order of labels (default: by alphabet)")
    add(
        "--val-share",
        type=float,
        default=0.2,
        help="of every class for val, 0 for none; where nothing else splits (default %(default)s)",
    )
    add("--seed", type=int, default=0, help="of that draw (default %(default)s)")
    add(
        "--group-by",
        metavar="REGEX",
        help="part of a video's path that names its person or recording: that draw parts none",
    )


def add_common(parser: argparse.ArgumentParser, *, root_needed: bool) -> None:
    add = parser.add_argument
    roots = parser.add_mutually_exclusive_group(required=root_needed)
    roots.add_argument(
        "--frames-root", help="directory of the directories of frames; may contain {split}"
    )
    roots.add_argument(
        "--videos-root", help="directory of video files, for VideoDataset; may contain {split}"
    )
    add("--out", required=True, help="directory for the lists")
    add("--image-tmpl", help="file name of a frame such as {:05d}.jpg (default: found out)")
    add("--fps", type=float, help="frames a second of --frames-root, where parts are in seconds")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default %(default)s)")
    add("--overwrite", action="store_true", help="replace lists that this command has not written")


def media_of(args: argparse.Namespace, splits: Sequence[str]) -> dict[str, MediaRoot]:
    from mmaction.dataprep.media import open_media

    return open_media(
        args.frames_root or args.videos_root,
        splits,
        files=not args.frames_root,
        image_tmpl=args.image_tmpl,
        fps=args.fps,
        jobs=args.jobs,
    )


def published(args: argparse.Namespace) -> tuple[Listing, dict[str, MediaRoot]]:
    from mmaction.dataprep.published import read_published

    listing = read_published(args.kind, args.annotations, labels=args.labels, fold=args.fold)
    return listing, media_of(args, list(listing.splits))


def own(args: argparse.Namespace) -> tuple[Listing, dict[str, MediaRoot]]:
    from mmaction.dataprep.media import counted
    from mmaction.dataprep.own_data import list_folders, list_table
    from mmaction.errors import UserError

    options = dict(
        classes=args.classes, val_share=args.val_share, seed=args.seed, group_by=args.group_by
    )
    if args.kind == "folder":
        draw = "{split}" not in (args.frames_root or args.videos_root)
        media = media_of(args, ["train", "val"] if draw else SPLITS)
        return list_folders(media, draw=draw, **options), media
    listing, frames = list_table(args.table, **options)
    if args.frames_root or args.videos_root:
        return listing, media_of(args, list(listing.splits))
    if frames is None:
        raise UserError(
            f"{args.table} has no column 'frames': count them with --frames-root or --videos-root"
        )
    return listing, dict.fromkeys(SPLITS, replace(counted(args.table, frames), fps=args.fps))


def main() -> int:
    args = parse_args()
    from mmaction.dataprep.build import match, summary, write_lists
    from mmaction.dataprep.worker_pool import check_jobs

    check_jobs(args.jobs)
    listing, media = published(args) if args.kind in PUBLISHED else own(args)
    lists, report = match(listing, media)
    write_lists(args.out, listing.classes, lists, report, overwrite=args.overwrite)
    for line in summary(report):
        print(line)
    written = ", ".join(f"{split}.txt" for split, lines in lists.items() if lines)
    print(f"{args.out}: {written}, {len(listing.classes)} classes, report.json")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
