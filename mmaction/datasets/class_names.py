"""Class names: given, from a file, or from ``classes.txt`` beside the annotations."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmaction.errors import DataError
from mmaction.files import read_text

CLASSES_FILE = "classes.txt"


def find_classes(
    classes: str | os.PathLike[str] | Sequence[str] | None, ann_file: str
) -> tuple[str, ...] | None:
    """Class names as given, from a file, or from ``classes.txt`` beside the annotation file.

    Raises:
        DataError: A file that can't be read, or holds an empty line between names.
    """
    if classes is None:
        classes = os.path.join(os.path.dirname(ann_file), CLASSES_FILE)
        if not os.path.exists(classes):
            return None
    if not isinstance(classes, str | os.PathLike):
        return tuple(classes)
    names = [line.strip() for line in read_text(classes, what="classes").rstrip().split("\n")]
    if not all(names):
        raise DataError(f"{classes}:{names.index('') + 1}: an empty line; a line names a class")
    return tuple(names)
