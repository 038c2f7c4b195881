"""Files that say where a video's actor is, and when it acts.

Dimension letters: F frames of a video, T frames of a clip, H×W pixels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from mmaction.errors import DataError, first_line
from mmaction.safe_pickle import load_arrays
from mmaction.text_files import read_csv

Row = TypeVar("Row")

_UCF101 = (240, 320)  # height and width of the original frames, in pixels
_COLUMNS = ("clip", "actor", "first", "last")
_SIDES = ("left", "right", "both")


@dataclass(frozen=True)
class GroundTruth:
    """What is known of a video or of a clip of it.

    Attributes:
        masks: bool, T×H×W: the actor's pixels.
        acting: bool, T: whether the action goes on in the frame.
        distractors: bool, T×H×W: what moves but doesn't act; None: not known of any.
    """

    masks: np.ndarray
    acting: np.ndarray
    distractors: np.ndarray | None = None


class MaskFiles:
    """``<folder>/<video>.npz``, as motion_shapes writes them.

    Fields: ``actor_masks`` bool F×H×W, ``action_interval`` int 2: the first frame of the action and
    the first one after it, counted from 0. ``distractor_masks``, likewise, may be there.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def read(self, name: str, *, frames: int, height: int, width: int) -> GroundTruth:
        """The ground truth of a video.

        Args:
            name: The video's, as the annotation writes it.
            frames: F.
            height, width: Of its frames as they are decoded, in pixels.

        Raises:
            DataError: There is none, or it doesn't fit; names the file.
        """
        path = self.folder / f"{name}.npz"
        if not path.is_file():
            raise DataError(f"no ground truth of video {name!r}: expected the file {path}")
        try:
            with np.load(path, allow_pickle=False) as data:
                masks, interval = data["actor_masks"], data["action_interval"]
                others = data.get("distractor_masks")
            start, stop = (int(i) for i in interval)
        except Exception as e:  # a damaged file makes the reader raise anything
            raise DataError(f"{path}: no ground truth of this project ({first_line(e)})") from e
        for field, given in (("actor_masks", masks), ("distractor_masks", others)):
            if given is not None and (given.ndim != 3 or len(given) != frames):
                raise DataError(
                    f"{path}: {field} are {given.shape}, video {name!r} has {frames} frames"
                )
        acting = np.zeros(frames, dtype=bool)
        acting[max(start, 0) : stop] = True
        others = None if others is None else _resized(others, height, width)
        return GroundTruth(_resized(masks, height, width), acting, others)


class ActionTubes:
    """Boxes in the format of UCF101-24's corrected annotation (``pyannot.pkl``).

    A pickled dict: video → ``numf``, ``label`` and ``annotations``, a list of tubes, each with
    ``boxes`` N×4 (x, y, width, height, in pixels of the original frames, 240×320), ``sf`` and
    ``ef``, its first frame and the first one after it, counted from 0. The file is read so that
    nothing in it can run. The action goes on wherever a tube is. Videos are found by their whole
    name or its last part (``Basketball/v_Basketball_g01_c01`` and ``v_Basketball_g01_c01`` are the
    same).

    Args:
        path: The file.

    Raises:
        DataError: The file can't be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            content = load_arrays(self.path.read_bytes(), encoding="latin1")
            self.videos: dict[str, Any] = {_last(k): v for k, v in dict(content).items()}
        except OSError as e:
            raise DataError(f"ground truth {path} can't be read: {e.strerror}") from e
        except Exception as e:  # a damaged file makes the unpickler raise anything
            raise DataError(f"{path}: not boxes in UCF101-24's format ({first_line(e)})") from e

    def read(self, name: str, *, frames: int, height: int, width: int) -> GroundTruth:
        """As ``MaskFiles.read``."""
        video = self.videos.get(_last(name))
        if video is None:
            raise DataError(f"no ground truth of video {name!r} in {self.path}")
        masks = np.zeros((frames, height, width), dtype=bool)
        acting = np.zeros(frames, dtype=bool)
        try:
            for tube in video["annotations"]:
                self._draw(tube, masks, acting)
        except (KeyError, TypeError, ValueError) as e:
            raise DataError(
                f"{self.path}: video {name!r}: not in UCF101-24's format ({first_line(e)})"
            ) from e
        return GroundTruth(masks, acting)

    def _draw(self, tube: Mapping[str, Any], masks: np.ndarray, acting: np.ndarray) -> None:
        """Marks a tube's boxes: each pixel whose centre lies in one."""
        _, height, width = masks.shape
        down, across = height / _UCF101[0], width / _UCF101[1]
        for frame, box in enumerate(np.asarray(tube["boxes"], dtype=np.float64), int(tube["sf"])):
            if not 0 <= frame < min(len(masks), int(tube["ef"])):
                continue
            x, y, box_width, box_height = box
            left, right = (_edge(v * across) for v in (x, x + box_width))
            top, bottom = (_edge(v * down) for v in (y, y + box_height))
            masks[frame, top:bottom, left:right] = True
            acting[frame] = True


class ActorSides:
    """A table of who acts, the person on the left or on the right, and when.

    A csv file with the columns ``clip``, the video's name without its suffix; ``actor``, ``left``,
    ``right`` or ``both``; ``first`` and ``last``, the frames of the action, counted from 1. The
    mask is the half of the picture on that side, in all frames; nothing where both act.

    Args:
        path: The file.

    Raises:
        DataError: The file can't be read, or lacks a column.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.videos = {row["clip"]: row for _, row in read_csv(path, required=_COLUMNS)}

    def read(self, name: str, *, frames: int, height: int, width: int) -> GroundTruth:
        """As ``MaskFiles.read``."""
        row = row_of(self.videos, name, self.path)
        side = row["actor"]
        if side not in _SIDES:
            raise DataError(
                f"{self.path}: video {name!r}: actor {side!r}: expected one of {', '.join(_SIDES)}"
            )
        try:
            first, last = int(row["first"]), int(row["last"])
        except ValueError:
            raise DataError(
                f"{self.path}: video {name!r}: first and last: expected frames"
            ) from None
        masks = np.zeros((frames, height, width), dtype=bool)
        half = width // 2
        if side == "left":
            masks[:, :, :half] = True
        elif side == "right":
            masks[:, :, width - half :] = True
        acting = np.zeros(frames, dtype=bool)
        acting[max(first - 1, 0) : last] = True
        return GroundTruth(masks, acting)


GroundTruthReader = MaskFiles | ActionTubes | ActorSides


def open_ground_truth(path: str | os.PathLike[str]) -> GroundTruthReader:
    """The reader of a directory of mask files, of a file of boxes, or of a table of sides (.csv).

    Raises:
        DataError: There is nothing at ``path``, or nothing that can be read.
    """
    path = Path(path)
    if path.is_dir():
        return MaskFiles(path)
    if not path.exists():
        raise DataError(f"no ground truth: expected the directory or file {path}")
    return ActorSides(path) if path.suffix == ".csv" else ActionTubes(path)


def row_of(rows: Mapping[str, Row], name: str, path: str | os.PathLike[str]) -> Row:
    """What a table says of a video.

    Args:
        rows: By the videos' whole names, their last parts, or those without their suffixes.
        name: The video's, as the annotation writes it.
        path: Of the table, for messages.

    Raises:
        DataError: Nothing.
    """
    for known in (name, _last(name), Path(name).stem):
        if known in rows:
            return rows[known]
    raise DataError(f"{path}: no line of video {name!r}")


def _last(name: str) -> str:
    return str(name).rstrip("/").rpartition("/")[2]


def _edge(position: float) -> int:
    """The first pixel whose centre lies at or beyond ``position``."""
    return max(int(np.ceil(position - 0.5)), 0)


def _resized(masks: np.ndarray, height: int, width: int) -> np.ndarray:
    size, how = (width, height), cv2.INTER_NEAREST
    resized = [cv2.resize(mask.astype(np.uint8), size, interpolation=how) for mask in masks]
    return np.stack(resized).astype(bool)
