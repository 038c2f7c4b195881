"""What a group of measures is: names that go together, and how they are to be measured.

Dimension letters: N videos, B clips, T frames, H×W pixels, h×w cells.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from torch import Tensor

from mmaction.errors import ConfigError, DataError, near
from mmaction.explain.explainers import Explainer
from mmaction.explain.measures.subject import Subject
from mmaction.explain.measures.table import MeasureTable
from mmaction.explain.measures.truth_files import GroundTruth

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


class NotMeasurable(DataError):
    """The model or the data set has not what a group of measures needs."""


@dataclass(frozen=True)
class ClipBatch:
    """Clips that all explainers are asked about.

    Attributes:
        subject: Whose clips they are.
        positions: Of the B videos among the subject's.
        clips: Normalised float, B×3×T×H×W.
    """

    subject: Subject
    positions: range
    clips: Tensor

    @property
    def classes(self) -> np.ndarray:
        """int64, B: what the network names."""
        return self.subject.classes[self.positions]

    @cached_property
    def truths(self) -> list[GroundTruth]:
        """The ground truth of each clip."""
        return [self.subject.truth(position) for position in self.positions]


class MeasureGroup:
    """Measures that are made together; a subclass is registered in ``MEASURES`` under its name.

    It overrides :meth:`measure` (with ``reads_maps``), :meth:`run`, or both, and puts what it finds
    into ``table``; what was not asked for is dropped there.

    Args:
        subject: The network and the videos.
        options: How to measure.
        table: Where the values go.

    Attributes:
        name: As a user names the group.
        measures: Names of its measures, unlike those of other groups.
        low_is_good: Those of them where less is better.
        by_default: Whether it is measured where no metric is named.
        reads_maps: Whether :meth:`measure` is called; one pass of explanations serves all groups.
    """

    name: ClassVar[str]
    measures: ClassVar[tuple[str, ...]]
    low_is_good: ClassVar[frozenset[str]] = frozenset()
    by_default: ClassVar[bool] = True
    reads_maps: ClassVar[bool] = False

    def __init__(self, subject: Subject, options: EvaluationOptions, table: MeasureTable) -> None:
        self.subject = subject
        self.options = options
        self.table = table

    def check(self) -> None:
        """Looks whether there is what the group needs, before anything is measured.

        Raises:
            NotMeasurable: There is not; the group is left out unless it is asked for by name.
            UserError: What was named for it does not fit.
        """

    def measure(
        self, explainer: str, batch: ClipBatch, spatial: np.ndarray, temporal: np.ndarray
    ) -> None:
        """Measures one explainer's maps of a batch of clips.

        Args:
            explainer: Its name in the table.
            batch: The clips.
            spatial: float64, B×T×h×w.
            temporal: float64, B×T.
        """

    def run(self, explainers: Mapping[str, Explainer]) -> None:
        """Measures what takes runs of the network of its own, for all explainers."""

    def rng(self, position: int) -> np.random.Generator:
        """A generator for one video, or, from N on, for the group."""
        return np.random.default_rng([self.options.seed, position])
