"""A draw that keeps videos of one person, or cut from one recording, on one side."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np

from mmaction.dataprep.listing import Entry
from mmaction.errors import DataError, UserError


def group_of(name: str, group_by: str) -> str:
    """The part of a video's name that says its group.

    Args:
        name: Of the video, its class folder included.
        group_by: Regular expression that is searched for; its first group, or all of the match.

    Raises:
        UserError: No regular expression.
        DataError: The name has no match.
    """
    try:
        found = re.search(group_by, name)
    except re.error as e:
        raise UserError(f"--group-by {group_by!r} is no regular expression: {e}") from e
    if found is None:
        raise DataError(f"--group-by {group_by!r} matches nothing in '{name}'")
    return found.group(1) if found.re.groups else found.group()


def grouped_split(
    entries: list[Entry], *, group_by: str, val_share: float, seed: int
) -> dict[str, list[Entry]]:
    """Draws whole groups for validation, about ``val_share`` of each class.

    One group after another is taken that brings the numbers of the classes nearest to their shares,
    at random among those that are as good. No class loses all its videos to validation.

    Args:
        entries: The videos.
        group_by: See ``group_of``.
        val_share: In (0, 1).
        seed: Of the draw.

    Raises:
        DataError: No group can be held out.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        members[group_of(entry.name, group_by)].append(index)
    classes = 1 + max(entry.label or 0 for entry in entries)
    counts = {
        key: np.bincount([entries[i].label or 0 for i in indices], minlength=classes)
        for key, indices in members.items()
    }
    total = sum(counts.values(), np.zeros(classes, int))
    order = np.random.default_rng(seed).permutation(sorted(members)).tolist()
    held = np.zeros(classes, int)
    val: list[str] = []
    while True:
        possible = [k for k in order if k not in val and _spares(held + counts[k], total)]
        if not possible:
            break
        # The first in random order of those that are as near.
        best = min(possible, key=lambda k: _distance(held + counts[k], val_share * total))
        if val and _distance(held + counts[best], val_share * total) >= _distance(
            held, val_share * total
        ):
            break
        held, val = held + counts[best], [*val, best]
    if not val:
        raise DataError(
            f"--group-by {group_by!r} makes {len(members)} group(s), each with all videos of some"
            " class: none can be held out"
        )
    chosen = {index for key in val for index in members[key]}
    return {
        "train": [entry for index, entry in enumerate(entries) if index not in chosen],
        "val": [entry for index, entry in enumerate(entries) if index in chosen],
    }


def _distance(held: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.square(held - wanted).sum())


def _spares(held: np.ndarray, total: np.ndarray) -> bool:
    """Whether each class keeps videos to train on."""
    return bool((held[total > 0] < total[total > 0]).all())
