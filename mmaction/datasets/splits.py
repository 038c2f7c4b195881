"""The splits of a data set: what a config says of each, and checks of their whole lists.

The checks are made before a training starts rather than after a night.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.config import Config

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.base import FrameSource
from mmaction.errors import DataError

SPLITS = ("train", "val", "test")
_SHOWN = 3


def dataset_configs(cfg: Config) -> Iterator[tuple[str, Any]]:
    """The data set configs that ``cfg`` has, by split."""
    for split in SPLITS:
        loader = cfg.get(f"{split}_dataloader")
        if loader:
            yield split, loader.get("dataset")


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


def check_present(annotations: AnnotationList, sources: Sequence[FrameSource]) -> None:
    """Raise DataError where videos are not in the source of their annotation file."""
    for file_id, source in enumerate(sources):
        indices = np.flatnonzero(annotations.file_ids == file_id).tolist()
        missing = source.missing(annotations, indices)
        if missing:
            shown = ", ".join(
                f"'{annotations.name(i)}' ({annotations.where(i)})" for i in missing[:_SHOWN]
            )
            raise DataError(
                f"{len(missing)} of {len(indices)} videos are not in '{source.data_root}':"
                f" {shown}{', …' if len(missing) > _SHOWN else ''}"
            )


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
