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

    Groups are taken in random order, the large ones first, each where it brings the numbers of the
    classes nearer to their shares. No class loses all its videos to validation.

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
    order.sort(key=lambda key: len(members[key]), reverse=True)
    held, val = np.zeros(classes, int), []
    for key in order:
        more = held + counts[key]
        nearer = (
            np.square(more - val_share * total).sum() < np.square(held - val_share * total).sum()
        )
        if nearer and not (more[total > 0] == total[total > 0]).any():
            held, val = more, [*val, key]
    if not val:  # groups larger than the share: the smallest that can be spared
        spared = [k for k in order if not (counts[k][total > 0] == total[total > 0]).any()]
        if not spared:
            raise DataError(
                f"--group-by {group_by!r} makes {len(members)} group(s), and each has all videos of"
                " some class: none can be held out"
            )
        val = spared[-1:]
    chosen = {index for key in val for index in members[key]}
    return {
        "train": [entry for index, entry in enumerate(entries) if index not in chosen],
        "val": [entry for index, entry in enumerate(entries) if index in chosen],
    }
