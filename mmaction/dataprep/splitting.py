"""A share of the videos set aside for validation, the same of every class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from mmaction.errors import UserError


def balanced_split(
    labels: Sequence[int], *, val_share: float, seed: int = 0
) -> tuple[list[int], list[int]]:
    """Draw ``val_share`` of every class for validation.

    Of a class of n videos, ``val_share * n`` to the nearest number are drawn, but at least one
    and never all; the only video of a class is for training. Classes are drawn independently:
    another class's videos don't change what is drawn.

    Args:
        labels: Label of each video.
        val_share: In (0, 1).
        seed: Of the draw.

    Returns:
        Indices for training and for validation, rising.

    Raises:
        UserError: A share or seed that can't be right.
    """
    if not 0 < val_share < 1:
        raise UserError(f"val_share is {val_share:g}, must be between 0 and 1")
    if seed < 0:
        raise UserError(f"seed is {seed}, must be at least 0")
    by_label: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        by_label[label].append(index)
    val: set[int] = set()
    for label, indices in by_label.items():
        count = min(max(round(val_share * len(indices)), 1), len(indices) - 1)
        rng = np.random.default_rng([seed, label])
        val.update(rng.permutation(indices)[:count].tolist())
    return [i for i in range(len(labels)) if i not in val], sorted(val)
