"""Videos to directories of JPEG frames, so that a directory is a whole video or is not there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from mmaction.dataprep.directories import whole_directory
from mmaction.dataprep.video_decoding import resample, timed_frames
from mmaction.dataprep.video_files import VideoFile, check_names, find_videos
from mmaction.dataprep.worker_pool import check_jobs, run_all
from mmaction.datasets.sources.image_files import VIDEO, check_template
from mmaction.datasets.sources.video import to_rgb
from mmaction.errors import DataError, UserError
from mmaction.files import DirectoryLock, require_writable

RECORD_FILE = ".extracted.json"
DRAFTS = ".partial"
# Raised whenever the same options would make other files.
_EDITION = 1


@dataclass(frozen=True, kw_only=True)
class ExtractOptions:
    """All that the frames of a video depend on.

    Attributes:
        image_tmpl: File name of a frame; they are numbered from 1.
        fps: Frames a second to take by time; None: every decoded frame once.
        short_side: Pixels of the shorter side of larger videos; None: as the video is.
        quality: Of the JPEG files, 1 to 100.
        keep_damaged: Whether a video that is damaged or cut short gives the frames before that,
            rather than none.

    Raises:
        UserError: A value that can't be right.
    """

    image_tmpl: str = "img_{:05d}.jpg"
    fps: float | None = None
    short_side: int | None = None
    quality: int = 95
    keep_damaged: bool = False

    def __post_init__(self) -> None:
        check_template(self.image_tmpl)
        if VIDEO in self.image_tmpl or not self.image_tmpl.lower().endswith((".jpg", ".jpeg")):
            raise UserError(f"image_tmpl='{self.image_tmpl}' is no name of a JPEG and its number")
        if self.fps is not None and not 0 < self.fps < float("inf"):
            raise UserError(f"fps is {self.fps:g}, must be greater than 0")
        if self.short_side is not None and self.short_side < 1:
            raise UserError(f"short_side is {self.short_side}, must be at least 1")
        if not 1 <= self.quality <= 100:
            raise UserError(f"quality is {self.quality}, must be from 1 to 100")


@dataclass
class ExtractReport:
    """What became of the videos.

    Attributes:
        extracted: Names of those whose frames were written now.
        already_there: How many were there.
        damaged: What is wrong by name, of those whose frames before the damage were kept.
        failed: The causes by path, of those that gave no frames.
        frames: How many were written.
    """

    extracted: list[str] = field(default_factory=list)
    already_there: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    frames: int = 0


def extract_videos(
    videos: str | os.PathLike[str],
    out: str | os.PathLike[str],
    options: ExtractOptions,
    *,
    jobs: int = 1,
    overwrite: bool = False,
) -> ExtractReport:
    """Write ``out/<name without suffix>/<image_tmpl>`` for every video.

    A video's frames are written to a hidden directory, with a record of options and source, and
    take their place whole. What is there by its record is skipped; a video whose file has changed
    since is extracted anew. One that can't be read is reported and stops nothing.

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
            todo = [video for video in found if not _is_there(video, root, options, overwrite)]
            work = partial(_extract_one, root=root, options=options)
            outcomes = run_all(work, todo, jobs=jobs, title="extract", unit="videos")
        except OSError as error:
            path = error.filename or out
            raise DataError(f"'{path}' can't be written: {error.strerror}") from error
        finally:
            shutil.rmtree(root / DRAFTS, ignore_errors=True)
    report = ExtractReport(already_there=len(found) - len(todo))
    for video, outcome in zip(todo, outcomes, strict=True):
        died = f"video '{video.path}': the process that decoded it died"
        frames, problem = outcome or (0, died)
        if not frames:
            report.failed[video.path] = problem
            continue
        report.extracted.append(video.stem)
        report.frames += frames
        if problem:
            report.damaged[video.stem] = problem
    return report


def _is_there(video: VideoFile, root: Path, options: ExtractOptions, overwrite: bool) -> bool:
    """Whether a video's frames need not be written; raises where they must not be replaced."""
    target = root / video.stem
    if not os.path.lexists(target):
        return False
    try:
        record = json.loads((target / RECORD_FILE).read_bytes())
        was, source = dict(record["options"]), dict(record["source"])
    except (OSError, ValueError, TypeError, LookupError):
        raise DataError(
            f"'{target}' is there and was not written by this command: move it away or name"
            " another OUT"
        ) from None
    now = _record(options)
    changed = sorted(key for key in now if now[key] != was.get(key))
    if changed and not overwrite:
        shown = ", ".join(f"{key}={was.get(key)!r}, now {now[key]!r}" for key in changed)
        raise DataError(
            f"'{target}' was extracted with {shown}: name another OUT, or replace it with"
            " --overwrite"
        )
    try:
        same = _source(video).items() <= source.items()
    except DataError:
        same = False  # extracting it will say what is wrong
    return same and not changed


def _record(options: ExtractOptions) -> dict[str, Any]:
    return {"edition": _EDITION, **asdict(options)}


def _source(video: VideoFile) -> dict[str, int]:
    """What tells a video's file from another one."""
    try:
        stat = os.stat(video.path)
    except OSError as error:
        raise DataError(f"video '{video.path}' can't be read: {error.strerror}") from None
    return {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _extract_one(video: VideoFile, *, root: Path, options: ExtractOptions) -> tuple[int, str]:
    """How many frames were written, and what is wrong with the video: maybe nothing, ``""``.

    Raises OSError where frames can't be written; what can't be read is in the outcome.
    """
    frames, problem = 0, ""
    try:
        with whole_directory(root / video.stem, drafts=root / DRAFTS) as draft:
            source = _source(video)
            try:
                for frames, jpeg in enumerate(_jpegs(video.path, options), start=1):
                    (draft / options.image_tmpl.format(frames)).write_bytes(jpeg)
            except DataError as error:
                if not (frames and options.keep_damaged):
                    raise
                problem = str(error)
            record = {"source": source, "options": _record(options), "frames": frames}
            (draft / RECORD_FILE).write_text(json.dumps(record) + "\n", encoding="utf-8")
    except DataError as error:
        return 0, str(error)
    return frames, problem


def _jpegs(path: str, options: ExtractOptions) -> Iterator[bytes]:
    """A video's frames as JPEG files, all of the first one's size."""
    frames = timed_frames(path)
    if options.fps is not None:
        frames = resample(frames, options.fps)
    reformatter = VideoReformatter()
    size, last, jpeg = None, None, b""
    for timed in frames:
        if timed is not last:
            image = np.ascontiguousarray(to_rgb(timed.frame, reformatter))
            height, width = image.shape[:2]
            size = size or _fitted_size(width, height, options.short_side)
            if size != (width, height):
                image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
            _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, options.quality])
            last, jpeg = timed, encoded.tobytes()
        yield jpeg


def _fitted_size(width: int, height: int, short_side: int | None) -> tuple[int, int]:
    """Width and height in pixels, the shorter one at most ``short_side``, in proportion."""
    short = min(width, height)
    if short_side is None or short <= short_side:
        return width, height
    scale = Fraction(short_side, short)
    return round(width * scale), round(height * scale)
