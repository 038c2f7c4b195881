"""Videos to directories of JPEG frames, so that a directory is a whole video or is not there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from mmaction.dataprep.extract_options import ExtractOptions, ExtractReport
from mmaction.dataprep.video_decoding import (
    TimedFrame,
    VideoFrames,
    cause,
    fitted_size,
    resample,
    resize,
)
from mmaction.dataprep.video_files import VideoFile, check_names, find_videos
from mmaction.dataprep.worker_pool import check_jobs, each
from mmaction.datasets.sources.video import to_rgb
from mmaction.errors import DataError
from mmaction.files import DirectoryLock, require_writable
from mmaction.progress import Progress

RECORD_FILE = ".extracted.json"
_DRAFT = re.compile(r"\..+\.partial-\d+(-old)?")
# Raised whenever the same options would make other files.
_EDITION = 1


@dataclass(frozen=True)
class _Outcome:
    frames: int = 0
    problem: str | None = None


def extract_videos(
    videos: str | os.PathLike[str],
    out: str | os.PathLike[str],
    options: ExtractOptions,
    *,
    jobs: int = 1,
    overwrite: bool = False,
) -> ExtractReport:
    """Write ``out/<name without suffix>/<image_tmpl>`` for every video.

    A video's frames are written to a hidden directory beside the place where they will be,
    with a record of options and source, and take that place whole. What is there by its record
    is skipped; a video whose file has changed since is extracted anew. One that can't be read
    is reported and stops nothing.

    Args:
        videos: Directory, or list, as :func:`find_videos` reads it.
        out: Directory; made with its parents.
        options: What to write.
        jobs: Processes to work with.
        overwrite: Replace what was extracted with other options.

    Raises:
        DataError: No videos, names that collide, or a place that can't be written or holds
            something else.
        UserError: ``jobs`` is less than 1, or another command writes there.
    """
    check_jobs(jobs)
    found = find_videos(videos)
    check_names(found)
    root = Path(out)
    require_writable(root, name="OUT")
    with DirectoryLock(root, doing="writes"):
        try:
            _remove_drafts(root, found)
            return _extract(found, root, options, jobs, overwrite)
        except OSError as error:
            path = error.filename or out
            raise DataError(f"'{path}' can't be written: {error.strerror}") from error
        finally:
            _remove_drafts(root, found)


def _extract(
    found: list[VideoFile], root: Path, options: ExtractOptions, jobs: int, overwrite: bool
) -> ExtractReport:
    todo = [video for video in found if not _is_there(video, root, options, overwrite)]
    report = ExtractReport(already_there=len(found) - len(todo))
    work = partial(_extract_one, root=root, options=options)
    with (
        Progress("extract", len(todo), "videos", stream=sys.stderr) as progress,
        closing(each(work, todo, jobs=jobs)) as outcomes,
    ):
        for video, outcome in outcomes:
            _note(report, video, outcome)
            progress.advance()
    report.extracted.sort()
    report.failed = dict(sorted(report.failed.items()))
    report.damaged = dict(sorted(report.damaged.items()))
    return report


def _note(report: ExtractReport, video: VideoFile, outcome: _Outcome | None) -> None:
    if outcome is None:
        report.failed[video.path] = "the process that decoded it died"
    elif not outcome.frames:
        report.failed[video.path] = outcome.problem or "no frames"
    else:
        report.extracted.append(video.stem)
        report.frames += outcome.frames
        if outcome.problem:
            report.damaged[video.stem] = outcome.problem


def _is_there(video: VideoFile, root: Path, options: ExtractOptions, overwrite: bool) -> bool:
    """Whether a video's frames need not be written; raises where they must not be replaced."""
    target = root / video.stem
    try:
        record = json.loads((target / RECORD_FILE).read_bytes())
        was, source = record["options"], record["source"]
    except (FileNotFoundError, NotADirectoryError):
        if not os.path.lexists(target):
            return False
        was = source = None
    except (ValueError, TypeError, LookupError):
        was = source = None
    if not isinstance(was, dict) or not isinstance(source, dict):
        raise DataError(
            f"'{target}' is there and was not written by this command: move it away or name"
            " another OUT"
        )
    now = _options_record(options)
    changed = sorted(key for key in now | was if now.get(key) != was.get(key))
    if changed and not overwrite:
        shown = ", ".join(f"{key}={was.get(key)!r}, now {now.get(key)!r}" for key in changed)
        raise DataError(
            f"'{target}' was extracted with {shown}: name another OUT, or replace it with"
            " --overwrite"
        )
    return not changed and _is_same_source(video, source)


def _options_record(options: ExtractOptions) -> dict[str, Any]:
    return {"edition": _EDITION, **asdict(options)}


def _is_same_source(video: VideoFile, was: dict[str, Any]) -> bool:
    """Whether the video's file is what it was, by time and size or else by content."""
    try:
        stat = os.stat(video.path)
        if stat.st_size != was.get("bytes"):
            return False
        return stat.st_mtime_ns == was.get("mtime_ns") or _digest(video.path) == was.get("blake2b")
    except OSError:
        return False  # extracting it will say what is wrong


def _digest(path: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _extract_one(video: VideoFile, *, root: Path, options: ExtractOptions) -> _Outcome:
    """Raises OSError where frames can't be written; what can't be read is in the outcome."""
    try:
        stat = os.stat(video.path)
        source = {
            "file": video.name,
            "bytes": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
            "blake2b": _digest(video.path),
        }
    except OSError as error:
        return _Outcome(problem=cause(error))
    target = root / video.stem
    with _draft(target) as draft:
        frames = VideoFrames(video.path)
        try:
            count = _write_frames(frames, draft, options)
        except DataError as error:
            return _Outcome(problem=str(error))
        if frames.damage and not options.keep_damaged:
            return _Outcome(problem=f"{frames.damage} (after {count} frames)")
        record = {"source": source, "options": _options_record(options), "frames": count}
        (draft / RECORD_FILE).write_text(json.dumps(record) + "\n", encoding="utf-8")
        _take_place(draft, target)
    return _Outcome(frames=count, problem=frames.damage)


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A new directory beside ``target`` that is gone in the end, unless it was renamed."""
    draft = target.with_name(f".{target.name}.partial-{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _take_place(draft: Path, target: Path) -> None:
    if not target.exists():
        draft.rename(target)
        return
    old = draft.with_name(f"{draft.name}-old")
    target.rename(old)
    draft.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _write_frames(frames: VideoFrames, directory: Path, options: ExtractOptions) -> int:
    """Write a video's frames, all of the first one's size; returns how many."""
    taken: Iterable[tuple[TimedFrame, int]]
    if options.fps is None:
        taken = ((frame, 1) for frame in frames)
    else:
        taken = resample(frames, options.fps)
    quality = [cv2.IMWRITE_JPEG_QUALITY, options.quality]
    reformatter = VideoReformatter()
    size, number = None, 0
    for timed, times in taken:
        image = np.ascontiguousarray(to_rgb(timed.frame, reformatter))
        if size is None:
            height, width = image.shape[:2]
            size = fitted_size(width, height, options.short_side, enlarge=options.enlarge)
        bgr = cv2.cvtColor(resize(image, size), cv2.COLOR_RGB2BGR)
        done, jpeg = cv2.imencode(".jpg", bgr, quality)
        if not done:
            raise DataError(f"a frame of {size[0]}×{size[1]} pixels can't be a JPEG file")
        for _ in range(times):
            number += 1
            (directory / options.image_tmpl.format(number)).write_bytes(jpeg.data)
    return number


def _remove_drafts(root: Path, videos: list[VideoFile]) -> None:
    """Remove what runs that were killed have left beside the places of ``videos``."""
    for parent in {(root / video.stem).parent for video in videos}:
        try:
            with os.scandir(parent) as entries:
                left = [entry.path for entry in entries if _DRAFT.fullmatch(entry.name)]
        except (FileNotFoundError, NotADirectoryError):
            continue
        for path in left:
            shutil.rmtree(path, ignore_errors=True)
