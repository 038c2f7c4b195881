"""The splits of a data set: what a config says of each, and checks of their whole lists.

The checks are made before a training starts rather than after a night.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.config import Config

from mmaction.datasets.annotation_lines import NO_COUNT, NO_LABEL, WHOLE
from mmaction.datasets.annotations import AnnotationList, path_list
from mmaction.datasets.class_names import find_classes
from mmaction.datasets.sources.base import FrameSource
from mmaction.errors import DataError

SPLITS = ("train", "val", "test")
_SHOWN = 3
_LOOKED_AT = 8  # videos of a list


def dataset_configs(cfg: Config) -> Iterator[tuple[str, Any]]:
    """The data set configs that ``cfg`` has, by split."""
    for split in SPLITS:
        loader = cfg.get(f"{split}_dataloader")
        if loader:
            yield split, loader.get("dataset")


def annotation_files(dataset: Mapping[str, Any]) -> list[str]:
    """The lists that a data set's config names."""
    return path_list(dataset.get("ann_file") or ())


def class_names_of(
    dataset: Mapping[str, Any], num_classes: int | None = None
) -> tuple[str, ...] | None:
    """The class names that a data set's config leads to; the data set itself may be missing.

    Args:
        dataset: Its config.
        num_classes: K, where it is known.
    """
    first = next(iter(annotation_files(dataset)), "")
    return find_classes(dataset.get("classes"), first, num_classes)


def check_labels(annotations: AnnotationList, num_classes: int) -> None:
    """Raise DataError where a label is not below ``num_classes``."""
    highest = annotations.highest_labels()
    bad = np.flatnonzero(highest >= num_classes)
    if len(bad):
        first = int(bad[0])
        more = f" (and {len(bad) - 1} more lines)" if len(bad) > 1 else ""
        raise DataError(
            f"{annotations.where(first)}: label {highest[first]} of"
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


def check_columns(annotations: AnnotationList, sources: Sequence[FrameSource]) -> None:
    """Raise DataError where a list's numbers are not what their places make of them.

    ``directory label`` would be read as ``directory frames``, and ``directory label frames`` as
    ``directory frames label``. A few videos of each file are counted.
    """
    for file_id, source in enumerate(sources):
        whole = annotations.starts == WHOLE
        indices = np.flatnonzero((annotations.file_ids == file_id) & whole)
        if not len(indices):
            continue  # a filter left none of this file, or it names parts
        looked_at = indices[np.linspace(0, len(indices) - 1, _LOOKED_AT, dtype=int)]
        counts = []
        for index in np.unique(looked_at):
            try:
                counts.append((index, source.count(annotations.name(index))))
            except DataError:
                continue  # what is wrong with a video is another check's
        at = np.array([index for index, _ in counts], dtype=int)
        found = np.array([count for _, count in counts])
        frames, labels = annotations.frames[at], annotations.labels[at]
        if not len(at) or (frames == NO_COUNT).any():
            continue
        where, name = annotations.where(int(at[0])), annotations.name(int(at[0]))
        told = f"{where}: '{name}' has {found[0]} frames"
        if (labels == NO_LABEL).all() and (2 * frames < found).all():
            raise DataError(
                f"{told}, not {frames[0]}: a line with one number reads 'directory frames'; for"
                " labels write 'directory frames label'"
            )
        if (frames != found).all() and (labels == found).all():
            raise DataError(f"{told}: a line reads 'directory frames label', in this order")


def check_labelled(annotations: AnnotationList, *, split: str) -> None:
    """Raise DataError where a list that is trained on, or validated by, has no labels."""
    bare = np.flatnonzero(annotations.labels == NO_LABEL)
    if len(bare):
        raise DataError(
            f"{annotations.where(int(bare[0]))}: '{annotations.name(int(bare[0]))}' has no label:"
            f" the {split} list needs one in each line"
        )


def check_overlap(train: AnnotationList, val: AnnotationList) -> None:
    """Raise DataError where a video is in both lists."""
    in_train = {train.title(index): index for index in range(len(train))}
    titles = enumerate(map(val.title, range(len(val))))
    both = [(in_train[title], index) for index, title in titles if title in in_train]
    if both:
        shown = ", ".join(
            f"'{val.name(v)}' ({train.where(t)} and {val.where(v)})" for t, v in both[:_SHOWN]
        )
        raise DataError(
            f"{len(both)} of {len(val)} validation videos are also trained on: {shown}"
            f"{', …' if len(both) > _SHOWN else ''}"
        )
