"""What a group of measures is: names that go together, and what it takes to measure them.

Dimension letters: N videos, B clips, T frames, H×W pixels, h×w cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from torch import Tensor

from mmaction.errors import DataError
from mmaction.explain.explainers import Explainer
from mmaction.explain.measures.ground_truth import GroundTruth
from mmaction.explain.measures.options import EvaluationOptions
from mmaction.explain.measures.subject import Subject
from mmaction.explain.measures.table import MeasureTable


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
