"""How well each class is recognised, by each branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassAccuracy:
    """One class's videos and how many of them each branch gets right.

    Attributes:
        label: The class, in [0, K).
        videos: How many it has.
        right: Of them, by branch.
    """

    label: int
    videos: int
    right: dict[str, int]

    def accuracy(self, branch: str) -> float | None:
        """Share of its videos that ``branch`` gets right, in [0, 1]; None where it has none."""
        return self.right[branch] / self.videos if self.videos else None


def class_accuracies(matrices: Mapping[str, np.ndarray]) -> list[ClassAccuracy]:
    """Every class, the worst by the first branch first; classes without videos at the end.

    Equally bad ones are ordered by their number of videos, most first, then by class id.

    Args:
        matrices: Each branch's confusion matrix, int K×K, of the same videos.
    """
    first = next(iter(matrices.values()))
    found = [
        ClassAccuracy(
            label,
            int(first[label].sum()),
            {branch: int(matrix[label, label]) for branch, matrix in matrices.items()},
        )
        for label in range(len(first))
    ]
    branch = next(iter(matrices))

    def badness(one: ClassAccuracy) -> tuple[bool, float, int, int]:
        return (one.videos == 0, one.accuracy(branch) or 0.0, -one.videos, one.label)

    return sorted(found, key=badness)
