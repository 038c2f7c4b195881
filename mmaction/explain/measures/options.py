"""What an evaluation of explainers measures, and how."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from mmaction.errors import ConfigError, near

FILLS = ("mean", "blur")
TEMPORAL_FILLS = ("freeze", "black")


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What is measured, and on what.

    Attributes:
        metrics: Groups or single measures (``resolve_measures``); empty: all but ``sanity``, and
            of the others those that the model and the data set allow.
        videos: How many of the test set, drawn by ``seed`` and spread over the classes.
        seed: Of all chance.
        steps: Points of an insertion or deletion curve after the first; fewer where there are fewer
            cells or frames.
        fill: What deleted cells show, one of :data:`FILLS`.
        temporal_fill: What deleted frames show, one of :data:`TEMPORAL_FILLS`.
        tolerance_px: Pointing hits within this many pixels of the mask.
        only_correct: Localization counts only videos that are recognised correctly.
        ground_truth: Directory of mask files or file of boxes; None: beside the data root.
        sanity_videos: The cascade of random parameters runs on so many of the videos.
        batch_size: Clips that the network sees at a time.
    """

    metrics: Sequence[str] = ()
    videos: int = 100
    seed: int = 0
    steps: int = 16
    fill: str = "mean"
    temporal_fill: str = "freeze"
    tolerance_px: float = 0.0
    only_correct: bool = True
    ground_truth: str | os.PathLike[str] | None = None
    sanity_videos: int = 12
    batch_size: int = 32

    def __post_init__(self) -> None:
        least = dict(videos=1, seed=0, sanity_videos=1, tolerance_px=0, steps=1, batch_size=1)
        for name, low in least.items():
            if (value := getattr(self, name)) < low:
                raise ConfigError(f"{name}={value}: expected {low} or more")
        for name, known in (("fill", FILLS), ("temporal_fill", TEMPORAL_FILLS)):
            if (word := getattr(self, name)) not in known:
                raise ConfigError(f"{name}={word!r} is unknown{near(word, known)}")
