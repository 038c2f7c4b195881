"""The data sets that are published with lists of their own, and where these are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mmaction.dataprep import action_sets, something
from mmaction.dataprep.listing import (
    Entry,
    Listing,
    check_no_repeats,
    class_names,
    read_class_names,
    with_labels,
)
from mmaction.errors import DataError, UserError


@dataclass(frozen=True)
class Published:
    """How a data set is published.

    Attributes:
        splits: Names of a split's file; ``{fold}`` in it is the number of a division.
        read_split: Reads one.
        labels: Names of the file of classes; none: the classes of the splits' files by alphabet.
        read_labels: Reads it.
        videos: How many a split has by what its makers have published.
        marks: By which a split's videos are told from others in the same file; none: by its file.
        folds: How many divisions there are.
    """

    splits: Mapping[str, Sequence[str]]
    read_split: Callable[..., Iterable[Entry]]
    labels: Sequence[str] = ()
    read_labels: Callable[[str], list[str]] = read_class_names
    videos: Mapping[str, int] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
    folds: int = 1


def _twentybn_splits(prefix: str) -> dict[str, list[str]]:
    names = dict(train="train", val="validation", test="test")
    return {split: [f"{prefix}{name}.csv"] for split, name in names.items()}


_JESTER = "jester-v1-"
_V1, _V2 = "something-something-v1-", "something-something-v2-"
PUBLISHED = {
    "sthv1": Published(
        splits=_twentybn_splits(_V1),
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
        read_split=action_sets.read_kinetics_split,
    ),
    "ucf101": Published(
        splits={"train": ["trainlist0{fold}.txt"], "val": ["testlist0{fold}.txt"]},
        read_split=action_sets.read_ucf101_split,
        labels=["classInd.txt"],
        read_labels=action_sets.read_ucf101_classes,
        folds=3,
    ),
    "hmdb51": Published(
        splits={split: ["brush_hair_test_split{fold}.txt"] for split in ("train", "val")},
        read_split=action_sets.read_hmdb51_split,
        videos={"train": 3_570, "val": 1_530},
        marks={"train": "1", "val": "2"},
        folds=3,
    ),
    "jester": Published(
        splits=_twentybn_splits(_JESTER),
        read_split=something.read_v1_split,
        labels=[f"{_JESTER}labels.csv"],
        videos={"train": 118_562, "val": 14_787, "test": 14_743},
    ),
    "diving48": Published(
        splits={"train": ["Diving48_V2_train.json"], "val": ["Diving48_V2_test.json"]},
        read_split=action_sets.read_diving48_split,
        labels=[action_sets.DIVING48_CLASSES],
        read_labels=action_sets.read_diving48_classes,
        videos={"train": 15_027, "val": 1_970},
    ),
}


def read_published(
    kind: str,
    annotations: str | os.PathLike[str],
    *,
    labels: str | None = None,
    fold: int = 1,
) -> Listing:
    """Read the published files, as far as they are there.

    Args:
        kind: The data set, a key of `PUBLISHED`.
        annotations: Directory of the files.
        labels: The file of classes, if it has another name.
        fold: Which of the divisions into training and test, from 1 on.

    Raises:
        UserError: There is no such division.
        DataError: The file of classes is missing or those of all splits are; a line can't be right.
    """
    published = PUBLISHED[kind]
    if not 1 <= fold <= published.folds:
        raise UserError(f"--fold {fold}: {kind} has {published.folds}, counted from 1")
    directory = os.fspath(annotations)
    if labels is None and published.labels:
        labels = _find(directory, published.labels)
        if labels is None:
            raise DataError(f"'{directory}' has no {_either(published.labels)}; name it: --labels")
    splits = {s: [n.format(fold=fold) for n in names] for s, names in published.splits.items()}
    rows = {}
    for split, names in splits.items():
        path = _find(directory, names)
        if path is not None:
            mark = [published.marks[split]] if split in published.marks else []
            rows[split] = list(published.read_split(path, *mark))
    if not rows:
        names = list(dict.fromkeys(name for names in splits.values() for name in names))
        raise DataError(f"'{directory}' has no {_either(names)}")
    check_no_repeats(row for part in rows.values() for row in part)
    classes = class_names(rows) if labels is None else published.read_labels(labels)
    entries = with_labels(rows, classes, labels or directory)
    return Listing(classes, entries, published.videos)


def _find(directory: str, names: Sequence[str]) -> str | None:
    paths = [os.path.join(directory, name) for name in names]
    return next((path for path in paths if os.path.exists(path)), None)


def _either(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
