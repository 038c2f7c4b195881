"""Edits made from what a data set knows of its videos: masks or boxes of who acts, and when."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from mmaction.datasets.clip_dataset import ClipDataset
from mmaction.datasets.edits import encode_mask
from mmaction.explain.measures.ground_truth import truth_beside
from mmaction.explain.measures.truth_files import GroundTruth, GroundTruthReader

MARGIN = 1 / 16  # of a frame's longer side: what lies closer around an actor is left open


def truth_edits(
    dataset: ClipDataset,
    indices: Iterable[int],
    *,
    reader: GroundTruthReader | None = None,
    every: int = 1,
    look: bool = True,
) -> dict[str, Any]:
    """Edits of videos by their ground truth, as ``write_edits`` takes them.

    Args:
        dataset: Has the videos.
        indices: Which of them.
        reader: Of their ground truth; None: that beside the data, as motion_shapes has it.
        every, look: As of ``edit_of``.

    Raises:
        DataError: There is no ground truth, or it doesn't fit.
    """
    edits = {}
    for index in indices:
        source, name = dataset.source_of(index), dataset.annotations.name(index)
        total = dataset.total_frames(index)
        height, width = next(iter(source.frames(name, [0]))).shape[:2]
        truth = (reader or truth_beside(source)).read(
            name, frames=total, height=height, width=width
        )
        edits[dataset.name(index)] = edit_of(
            truth, first=source.start_index, every=every, look=look
        )
    return edits


def edit_of(
    truth: GroundTruth, *, first: int = 1, every: int = 1, look: bool = True
) -> dict[str, Any]:
    """The edit of one video: look at the actor while it acts, and away from all else at any time.

    Args:
        truth: Of the whole video; without a mask in any frame it says nothing of where.
        first: Number of its first frame.
        every: Key frames are so many frames apart.
        look: Whether to look at all of the mask; False: only away from the rest, where masks are
            much larger than who acts, such as half of the picture.
    """
    reach = round(MARGIN * max(truth.masks.shape[1:]))
    around = np.ones((2 * reach + 1,) * 2, np.uint8)
    # Where the action begins and ends, too.
    turns = np.flatnonzero(np.diff(truth.acting))
    frames = sorted(
        {*range(0, len(truth.acting), every), *turns, *turns + 1, len(truth.acting) - 1}
    )
    where = []
    for frame in map(int, frames if truth.masks.any() else ()):
        mask = truth.masks[frame]
        away = cv2.dilate(mask.astype(np.uint8), around) == 0
        key: dict[str, Any] = dict(frame=frame + first, away=encode_mask(away))
        if look and truth.acting[frame] and mask.any():
            key["look"] = encode_mask(mask)
        where.append(key)
    starts = [0, *(turns + 1).tolist(), len(truth.acting)]
    when = [
        [start + first, stop - 1 + first, float(truth.acting[start])]
        for start, stop in pairwise(starts)
    ]
    return dict(where=where, when=when)
