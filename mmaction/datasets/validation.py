"""Checks of whole annotation lists, made before a training starts rather than after a night."""

from __future__ import annotations

import os
from collections import defaultdict

import numpy as np

from mmaction.datasets.annotations import AnnotationList
from mmaction.errors import DataError

_SHOWN = 3


def check_labels(annotations: AnnotationList, num_classes: int) -> None:
    """Raise DataError where a label is not below ``num_classes``."""
    bad = np.flatnonzero(annotations.labels >= num_classes)
    if len(bad):
        first = int(bad[0])
        more = f" (and {len(bad) - 1} more lines)" if len(bad) > 1 else ""
        raise DataError(
            f"{annotations.where(first)}: label {annotations.labels[first]} of"
            f" '{annotations.name(first)}' does not fit num_classes={num_classes}:"
            f" labels go from 0 to {num_classes - 1}{more}"
        )


def check_directories(annotations: AnnotationList, data_root: str | os.PathLike[str]) -> None:
    """Raise DataError where videos have no directory below ``data_root``.

    Every parent directory is listed once, which is much faster than asking for each video.
    """
    if not os.path.isdir(data_root):
        raise DataError(f"data_root '{os.fspath(data_root)}' is not a directory")
    children: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(annotations.names()):
        children[os.path.dirname(name.rstrip("/"))].append(index)
    missing = []
    for parent, indices in children.items():
        present = _directories(os.path.join(data_root, parent))
        for index in indices:
            name = annotations.name(index)
            # A second look decides: listings differ on file systems that fold letters.
            if os.path.basename(name.rstrip("/")) not in present and not os.path.isdir(
                os.path.join(data_root, name)
            ):
                missing.append(index)
    if missing:
        shown = ", ".join(
            f"'{annotations.name(i)}' ({annotations.where(i)})" for i in missing[:_SHOWN]
        )
        raise DataError(
            f"{len(missing)} of {len(annotations)} videos have no directory in"
            f" '{os.fspath(data_root)}': {shown}{', …' if len(missing) > _SHOWN else ''}"
        )


def _directories(path: str) -> set[str]:
    try:
        with os.scandir(path) as entries:
            return {entry.name for entry in entries if entry.is_dir()}
    except OSError:
        return set()


def check_overlap(train: AnnotationList, val: AnnotationList) -> None:
    """Raise DataError where a video is in both lists."""
    in_train = {name: index for index, name in enumerate(train.names())}
    both = [(in_train[name], index) for index, name in enumerate(val.names()) if name in in_train]
    if both:
        shown = ", ".join(
            f"'{val.name(v)}' ({train.where(t)} and {val.where(v)})" for t, v in both[:_SHOWN]
        )
        raise DataError(
            f"{len(both)} of {len(val)} validation videos are also trained on: {shown}"
            f"{', …' if len(both) > _SHOWN else ''}"
        )
