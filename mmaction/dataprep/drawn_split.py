"""Which of one's own videos are drawn for validation."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np

from mmaction.dataprep.listing import Entry
from mmaction.errors import DataError, UserError

_WHOLE_NAME = "(?s).+"


def split_drawn(
    entries: list[Entry], *, val_share: float, seed: int, group_by: str | None = None
) -> dict[str, list[Entry]]:
    """Draw ``val_share`` of every class for validation.

    Of a class of n videos, ``val_share * n`` to the nearest number are drawn, but at least one
    and never all; the only video of a class is for training. Classes are drawn independently:
    another class's videos don't change what is drawn.

    With ``group_by``, videos of one person, say, or cut from one recording, stay on one side, as
    the parts of a video always do. One group after another is taken that brings the numbers of the
    classes nearest to their shares, at random among those that are as good. No class loses all its
    videos to validation.

    Args:
        entries: The videos.
        val_share: In (0, 1), or 0 for no validation.
        seed: Of the draw.
        group_by: See ``group_of``; None: a group is a video.

    Raises:
        UserError: A share, seed or regular expression that can't be right.
        DataError: A name belongs to no group, or no group can be held out.
    """
    if not 0 <= val_share < 1:
        raise UserError(f"val_share is {val_share:g}, must be at least 0 and less than 1")
    if seed < 0:
        raise UserError(f"seed is {seed}, must be at least 0")
    if val_share == 0:
        return {"train": entries}
    if group_by is None and any(entry.part for entry in entries):
        group_by = _WHOLE_NAME
    labels = [entry.label for entry in entries if entry.label is not None]
    assert len(labels) == len(entries), "one's own videos have a class"
    if group_by is None:
        val = _balanced(labels, val_share, seed)
    else:
        groups = [group_of(entry.name, group_by) for entry in entries]
        val = _grouped(labels, groups, val_share, seed)
        if not val:
            raise DataError(
                f"--group-by {group_by!r} makes {len(set(groups))} group(s), each with all videos"
                " of some class: none can be held out"
            )
    sides: dict[str, list[Entry]] = {"train": [], "val": []}
    for index, entry in enumerate(entries):
        sides["val" if index in val else "train"].append(entry)
    return sides


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


def _balanced(labels: list[int], val_share: float, seed: int) -> set[int]:
    """Indices of some videos of each class."""
    by_label: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        by_label[label].append(index)
    val: set[int] = set()
    for label, indices in by_label.items():
        count = min(max(round(val_share * len(indices)), 1), len(indices) - 1)
        rng = np.random.default_rng([seed, label])
        val.update(rng.permutation(indices)[:count].tolist())
    return val


def _grouped(labels: list[int], groups: list[str], val_share: float, seed: int) -> set[int]:
    """Indices of the videos of some groups; none where none can be held out."""
    total = np.bincount(labels)
    counts = {group: np.zeros_like(total) for group in groups}
    for label, group in zip(labels, groups, strict=True):
        counts[group][label] += 1
    order = np.random.default_rng(seed).permutation(sorted(counts)).tolist()
    held, wanted = np.zeros_like(total), val_share * total
    val: set[str] = set()
    while True:
        possible = [g for g in order if g not in val and _spares(held + counts[g], total)]
        if not possible:
            break
        # The first in random order of those that are as near.
        best = min(possible, key=lambda g: _distance(held + counts[g], wanted))
        if val and _distance(held + counts[best], wanted) >= _distance(held, wanted):
            break
        held = held + counts[best]
        val.add(best)
    return {index for index, group in enumerate(groups) if group in val}


def _distance(held: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.square(held - wanted).sum())


def _spares(held: np.ndarray, total: np.ndarray) -> bool:
    """Whether each class keeps videos to train on."""
    return bool((held[total > 0] < total[total > 0]).all())
