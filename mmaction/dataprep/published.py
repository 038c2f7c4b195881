"""The data sets that are published with lists of their own, and where these are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mmaction.dataprep import kinetics, something
from mmaction.dataprep.listing import (
    Listing,
    Row,
    check_no_repeats,
    class_names,
    label_rows,
    read_class_names,
)
from mmaction.errors import DataError


@dataclass(frozen=True)
class Published:
    """How a data set is published.

    Attributes:
        splits: Names of a split's file.
        read_split: Reads one.
        labels: Names of the file of classes; none: the classes of the splits' files by alphabet.
        read_labels: Reads it.
        videos: How many a split has by what its makers have published.
    """

    splits: Mapping[str, Sequence[str]]
    read_split: Callable[[str], Iterable[Row]]
    labels: Sequence[str] = ()
    read_labels: Callable[[str], list[str]] = read_class_names
    videos: Mapping[str, int] = field(default_factory=dict)


_V1, _V2 = "something-something-v1-", "something-something-v2-"
PUBLISHED = {
    "sthv1": Published(
        splits={
            "train": [f"{_V1}train.csv"],
            "val": [f"{_V1}validation.csv"],
            "test": [f"{_V1}test.csv"],
        },
        read_split=something.read_v1_split,
        labels=[f"{_V1}labels.csv"],
        videos={"train": 86_017, "val": 11_522, "test": 10_960},
    ),
    "sthv2": Published(
        splits={
            "train": [f"{_V2}train.json", "train.json"],
            "val": [f"{_V2}validation.json", "validation.json"],
            "test": [f"{_V2}test.json", "test.json"],
        },
        read_split=something.read_v2_split,
        labels=[f"{_V2}labels.json", "labels.json"],
        read_labels=something.read_v2_labels,
        videos={"train": 168_913, "val": 24_777, "test": 27_157},
    ),
    "kinetics400": Published(
        splits={
            "train": ["train.csv", "kinetics_train.csv", "kinetics-400_train.csv"],
            "val": ["val.csv", "validate.csv", "kinetics_val.csv", "kinetics-400_val.csv"],
            "test": ["test.csv", "kinetics_test.csv", "kinetics-400_test.csv"],
        },
        read_split=kinetics.read_split,
    ),
}


def read_published(
    kind: str, annotations: str | os.PathLike[str], *, labels: str | None = None
) -> Listing:
    """Read the published files, as far as they are there.

    Args:
        kind: The data set, a key of `PUBLISHED`.
        annotations: Directory of the files.
        labels: The file of classes, if it has another name.

    Raises:
        DataError: The file of classes is missing or those of all splits are; a line can't be right.
    """
    published = PUBLISHED[kind]
    directory = os.fspath(annotations)
    if labels is None and published.labels:
        labels = _find(directory, published.labels)
        if labels is None:
            raise DataError(f"'{directory}' has no {_either(published.labels)}; name it: --labels")
    paths = {split: _find(directory, names) for split, names in published.splits.items()}
    rows = {s: list(published.read_split(path)) for s, path in paths.items() if path is not None}
    if not rows:
        names = [name for names in published.splits.values() for name in names]
        raise DataError(f"'{directory}' has no {_either(names)}")
    check_no_repeats(row for part in rows.values() for row in part)
    classes = class_names(rows) if labels is None else published.read_labels(labels)
    entries = label_rows(rows, classes, labels or directory)
    return Listing(classes, entries, published.videos)


def _find(directory: str, names: Sequence[str]) -> str | None:
    paths = [os.path.join(directory, name) for name in names]
    return next((path for path in paths if os.path.exists(path)), None)


def _either(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
