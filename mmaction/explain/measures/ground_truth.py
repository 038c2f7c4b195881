"""What is known of a video: where its actor is, and when it acts; and of a clip of it.

The data set's own pipeline makes the one into the other: masks go in where the frames would, and
are sampled, resized, cropped and flipped as they are.

Dimension letters: F frames of a video, V views of it, T frames of a clip, H×W pixels.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmaction.datasets.transforms.stabilize import Stabilize
from mmaction.errors import DataError, first_line
from mmaction.safe_pickle import load_arrays

FOLDER = "ground_truth"
_UCF101 = (240, 320)  # height and width of the original frames, in pixels
_ON, _HALF = 255, 128


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


GroundTruthReader = MaskFiles | ActionTubes


def open_ground_truth(path: str | os.PathLike[str]) -> GroundTruthReader:
    """The reader of a directory of mask files, or of a file of boxes.

    Raises:
        DataError: There is nothing at ``path``, or nothing that can be read.
    """
    path = Path(path)
    if path.is_dir():
        return MaskFiles(path)
    if not path.exists():
        raise DataError(f"no ground truth: expected the directory or file {path}")
    return ActionTubes(path)


def clip_ground_truth(
    dataset: Any, index: int, *, view: int, reader: GroundTruthReader | None = None
) -> GroundTruth:
    """The ground truth of one view of a video, T frames of the network's H×W pixels.

    Args:
        dataset: Gives samples by a pipeline of ``transforms``, such as ``RawframeDataset``.
        index: Of the video.
        view: Of its V views.
        reader: Of the video's ground truth; None: ``ground_truth/<video>.npz`` beside the data
            root, as motion_shapes has it.

    Raises:
        DataError: There is none; names the file.
    """
    masked = copy.copy(dataset)
    masked.pipeline = _MaskPipeline(dataset.pipeline.transforms, reader)
    item = masked[index]
    masks, others = np.moveaxis(item["inputs"][view, ..., :2].numpy() >= _HALF, -1, 0)
    acting = masked.pipeline.acting_in(item["sample"].frame_indices[view])
    known = masked.pipeline.truth.distractors is not None
    return GroundTruth(masks, acting, others if known else None)


class _MaskPipeline:
    """A pipeline with the masks in place of the frames, right after they are decoded."""

    def __init__(self, transforms: list[Any], reader: GroundTruthReader | None) -> None:
        self.transforms = transforms
        self.reader = reader

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        self.first = results["source"].start_index
        for transform in self.transforms:
            results = transform(results)
            if "frames" in getattr(transform, "gives", ()):
                for later in self.transforms:
                    if isinstance(later, Stabilize):  # motions are those of the pixels
                        results = later.estimate(results)
                results["frames"] = self._masks(results)
        return results

    def acting_in(self, frame_numbers: np.ndarray) -> np.ndarray:
        """bool, T, of frames as their file names count."""
        return self.truth.acting[frame_numbers - self.first]

    def _masks(self, results: dict[str, Any]) -> np.ndarray:
        """uint8, D×H×W×3, of the distinct frames that were decoded: actors, distractors, zeros."""
        [whole] = results["views"]
        reader = self.reader or _beside(results["source"])
        self.truth = reader.read(
            results["name"],
            frames=results["total_frames"],
            height=whole.height,
            width=whole.width,
        )
        numbers = np.unique(results["frame_indices"])
        masks = self.truth.masks[numbers]
        others = self.truth.distractors
        nothing = np.zeros_like(masks)
        channels = (masks, nothing if others is None else others[numbers], nothing)
        return np.stack(channels, axis=-1).astype(np.uint8) * _ON


def _beside(source: Any) -> MaskFiles:
    folder = Path(os.path.normpath(source.data_root)).parent / FOLDER
    if not folder.is_dir():
        raise DataError(
            f"no ground truth: expected the directory {folder}, or one named by --ground-truth"
        )
    return MaskFiles(folder)


def _last(name: str) -> str:
    return str(name).rstrip("/").rpartition("/")[2]


def _edge(position: float) -> int:
    """The first pixel whose centre lies at or beyond ``position``."""
    return max(int(np.ceil(position - 0.5)), 0)


def _resized(masks: np.ndarray, height: int, width: int) -> np.ndarray:
    size, how = (width, height), cv2.INTER_NEAREST
    resized = [cv2.resize(mask.astype(np.uint8), size, interpolation=how) for mask in masks]
    return np.stack(resized).astype(bool)
