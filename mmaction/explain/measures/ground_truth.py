"""What is known of a clip: its ground truth, taken the way of its frames.

The data set's own pipeline makes a video's into a clip's: masks go in where the frames would, and
are sampled, resized, cropped and flipped as they are.

Dimension letters: V views of a video, T frames of a clip, D distinct frames, H×W pixels.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import numpy as np

from mmaction.datasets.transforms.stabilize import Stabilize
from mmaction.errors import DataError
from mmaction.explain.measures.truth_files import GroundTruth, GroundTruthReader, MaskFiles

FOLDER = "ground_truth"
_ON, _HALF = 255, 128


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
        reader = self.reader or truth_beside(results["source"])
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


def truth_beside(source: Any) -> MaskFiles:
    """The ground truth of a source's videos where motion_shapes has it.

    Raises:
        DataError: There is none.
    """
    folder = Path(os.path.normpath(source.data_root)).parent / FOLDER
    if not folder.is_dir():
        raise DataError(
            f"no ground truth: expected the directory {folder}, or one named by --ground-truth"
        )
    return MaskFiles(folder)
