"""Writes motion_shapes to disk: raw frames, annotation lists, ground truth."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmaction.dataprep.directories import whole_directory
from mmaction.dataprep.motion_shapes.camera import CAMERAS
from mmaction.dataprep.motion_shapes.classes import CLASSES, MIN_FRAMES
from mmaction.dataprep.motion_shapes.mark import Mark, draw_mark, put_mark
from mmaction.dataprep.motion_shapes.video import MIN_SIZE, Video, make_video
from mmaction.dataprep.worker_pool import check_jobs, run_all
from mmaction.errors import DataError, UserError

OPTIONS_FILE = "motion_shapes.json"
MARKS_FILE = "marks.csv"
SPLITS = ("train", "val")
JPEG_QUALITY = 92
# Raised whenever the same options would make other files.
_EDITION = 2


@dataclass(frozen=True, kw_only=True)
class DataSetOptions:
    """All that a data set's files depend on.

    Attributes:
        videos: Training videos, at least one a class.
        val_videos: Validation videos, likewise.
        seed: At least 0.
        frames: Frames of a video, at least `MIN_FRAMES`.
        size: Height and width of a frame in pixels, at least `MIN_SIZE`.
        camera: How it moves, one of `CAMERAS`.
        busy: Whether one more body drifts through each video.
        shortcut: In how many of the training videos a mark in a corner tells the class, a share
            in [0, 1]; in all others, and in validation, it tells a wrong one. None: no marks.

    Raises:
        UserError: A value is too small, no share, or there is no such camera.
    """

    videos: int
    val_videos: int
    seed: int = 0
    frames: int = 24
    size: int = 64
    camera: str = "still"
    busy: bool = False
    shortcut: float | None = None

    def __post_init__(self) -> None:
        classes = len(CLASSES)
        for key, least, why in (
            ("videos", classes, f"one for each of the {classes} classes"),
            ("val_videos", classes, f"one for each of the {classes} classes"),
            ("seed", 0, "no negative seed"),
            ("frames", MIN_FRAMES, "an action with rest before and after it"),
            ("size", MIN_SIZE, "shapes large enough to be seen moving"),
        ):
            if (value := getattr(self, key)) < least:
                raise UserError(f"{key} is {value}, must be at least {least}: {why}")
        if self.camera not in CAMERAS:
            raise UserError(f"camera is {self.camera!r}: expected one of {', '.join(CAMERAS)}")
        if self.shortcut is not None and not 0 <= self.shortcut <= 1:
            raise UserError(f"shortcut is {self.shortcut}: expected a share from 0 to 1")


@dataclass(frozen=True)
class _Entry:
    """A video's place in the data set."""

    split: str
    number: int

    @property
    def label(self) -> int:
        return self.number % len(CLASSES)

    @property
    def name(self) -> str:
        return f"{self.split}_{CLASSES[self.label]}_{self.number:05d}"


def make_data_set(
    out: str | os.PathLike[str],
    options: DataSetOptions,
    *,
    jobs: int = 1,
    overwrite: bool = False,
) -> bool:
    """Write a data set to the directory ``out``, whole or not at all.

    Files: ``frames/<video>/img_00001.jpg`` …, ``train.txt`` and ``val.txt`` (``directory frames
    label`` a line, directories relative to ``frames``), ``classes.txt``, ``motion_shapes.json``
    (the options), and ``ground_truth/<video>.npz`` with the fields of `Video` but its frames, and
    without those that are None. With a shortcut also ``planted``, whether the mark tells the class,
    and ``marks.csv``: ``clip,group``, the class that each video's mark tells.
    They are the same, byte for byte, for the same options, whatever ``jobs`` is.

    Args:
        out: The directory; made with its parents.
        options: What to write.
        jobs: Processes to work with.
        overwrite: Replace a motion_shapes data set at ``out``, even the very same.

    Returns:
        False where that very data set was there already.

    Raises:
        DataError: ``out`` holds something else, or can't be written.
        UserError: ``jobs`` is less than 1.
    """
    check_jobs(jobs)
    target = Path(out).resolve()
    try:
        if _is_there(target, options, overwrite):
            return False
        with whole_directory(target, drafts=target.parent) as folder:
            _write(folder, options, jobs)
    except OSError as error:
        raise DataError(f"{out} can't be written: {error}") from error
    return True


def _is_there(target: Path, options: DataSetOptions, overwrite: bool) -> bool:
    """Whether ``target`` holds what is asked for; raises where it must not be replaced."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    record = target / OPTIONS_FILE
    if not record.is_file():
        raise DataError(f"{target} exists and is no motion_shapes data set: name another directory")
    if overwrite:
        return False
    if record.read_text(encoding="utf-8") != _record(options):
        raise DataError(
            f"{target} holds a motion_shapes data set made with other options or by another "
            "version: name another directory, or replace it with --overwrite"
        )
    return True


def _record(options: DataSetOptions) -> str:
    made = {"edition": _EDITION, **asdict(options)}
    # Data sets from before there were these are the same ones.
    for key, value in (("camera", "still"), ("busy", False), ("shortcut", None)):
        if made[key] == value:
            del made[key]
    return json.dumps(made, indent=2) + "\n"


def _write(folder: Path, options: DataSetOptions, jobs: int) -> None:
    entries = [_Entry("train", number) for number in range(options.videos)]
    entries += [_Entry("val", number) for number in range(options.val_videos)]
    (folder / "frames").mkdir()
    (folder / "ground_truth").mkdir()
    work = partial(_write_video, folder, options)
    done = run_all(work, entries, jobs=jobs, title="motion_shapes", unit="videos")
    if None in done:
        name = entries[done.index(None)].name
        raise DataError(f"the process that makes {name} ends before it is done")
    for split in SPLITS:
        lines = [f"{e.name} {options.frames} {e.label}\n" for e in entries if e.split == split]
        (folder / f"{split}.txt").write_text("".join(lines), encoding="utf-8")
    names = "".join(f"{name}\n" for name in CLASSES)
    (folder / "classes.txt").write_text(names, encoding="utf-8")
    if (share := options.shortcut) is not None:
        told = (f"{e.name},{CLASSES[_mark(options, e, share).label]}\n" for e in entries)
        (folder / MARKS_FILE).write_text("clip,group\n" + "".join(told), encoding="utf-8")
    (folder / OPTIONS_FILE).write_text(_record(options), encoding="utf-8")


def _write_video(folder: Path, options: DataSetOptions, entry: _Entry) -> bool:
    rng = np.random.default_rng([options.seed, SPLITS.index(entry.split), entry.number])
    video = make_video(
        rng,
        entry.label,
        frames=options.frames,
        size=options.size,
        camera=options.camera,
        busy=options.busy,
    )
    if options.shortcut is not None:
        video = put_mark(video, _mark(options, entry, options.shortcut))
    _write_frames(folder / "frames" / entry.name, video)
    truth = dict(
        label=np.int64(video.label),
        actor_masks=video.actor_masks,
        actor_boxes=video.actor_boxes,
        action_interval=np.array(video.action_interval, dtype=np.int64),
        distractor_masks=video.distractor_masks,
        camera=video.camera,
        mark_label=video.mark_label,
        planted=None if video.mark_label is None else video.mark_label == video.label,
    )
    known: dict[str, Any] = {field: value for field, value in truth.items() if value is not None}
    np.savez_compressed(folder / "ground_truth" / f"{entry.name}.npz", **known)
    return True


def _mark(options: DataSetOptions, entry: _Entry, share: float) -> Mark:
    rng = np.random.default_rng([options.seed, SPLITS.index(entry.split), entry.number, 1])
    return draw_mark(rng, entry.label, share=share if entry.split == "train" else 0.0)


def _write_frames(directory: Path, video: Video) -> None:
    directory.mkdir()
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    for number, frame in enumerate(video.frames, start=1):
        if number == 1 or not np.array_equal(frame, video.frames[number - 2]):
            done, jpeg = cv2.imencode(".jpg", frame[..., ::-1], quality)
            assert done
            data = jpeg.tobytes()
        (directory / f"img_{number:05d}.jpg").write_bytes(data)
