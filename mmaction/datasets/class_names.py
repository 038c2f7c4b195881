"""Names of classes: found, and the pairs among them that a mirror image turns into each other.

Pairs go by name, as lists differ in their order.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from mmaction.errors import ConfigError, DataError, near
from mmaction.files import read_text

CLASSES_FILE = "classes.txt"
_SOMETHING = {
    "Pulling something from left to right": "Pulling something from right to left",
    "Pushing something from left to right": "Pushing something from right to left",
    "Turning the camera left while filming something": (
        "Turning the camera right while filming something"
    ),
}
LABEL_MAPS: dict[str, dict[str, str]] = {
    "sthv1": _SOMETHING,
    "sthv2": _SOMETHING,
    "jester": {
        "Swiping Left": "Swiping Right",
        "Sliding Two Fingers Left": "Sliding Two Fingers Right",
        "Turning Hand Clockwise": "Turning Hand Counterclockwise",
    },
    "motion_shapes": {
        "move_left": "move_right",
        "rotate_clockwise": "rotate_counter_clockwise",
    },
}
"""Built-in maps: the pairs of class names that are swapped."""

_OTHER_SIDE = {"left": "right", "leftward": "rightward", "leftwards": "rightwards"}
_OTHER_SIDE |= {right: left for left, right in _OTHER_SIDE.items()}


def find_classes(
    classes: str | os.PathLike[str] | Sequence[str] | None,
    ann_file: str,
    num_classes: int | None = None,
) -> tuple[str, ...] | None:
    """Class names as given, from a file, or from ``classes.txt`` beside the annotation file.

    Args:
        classes: The names, or a file with one a line; None: ``classes.txt``, if it is there.
        ann_file: The annotation file.
        num_classes: K, where it is known.

    Raises:
        DataError: A file that can't be read, or holds an empty line between names.
        ConfigError: There are not K names.
    """
    if classes is None:
        classes = os.path.join(os.path.dirname(ann_file), CLASSES_FILE)
        if not os.path.exists(classes):
            return None
    if isinstance(classes, str | os.PathLike):
        names = [line.strip() for line in read_text(classes, what="classes").rstrip().split("\n")]
        if not all(names):
            raise DataError(f"{classes}:{names.index('') + 1}: an empty line; a line names a class")
    else:
        names = list(classes)
    if num_classes not in (None, len(names)):
        raise ConfigError(
            f"num_classes={num_classes}, but there are {len(names)} class names"
            f" ('{names[0]}', …) for '{ann_file}'"
        )
    return tuple(names)


def both_ways(pairs: Mapping[int, int]) -> dict[int, int]:
    """Complete a map to one that is its own inverse.

    Raises:
        ConfigError: A key or value is no class id, or a class has two partners.
    """
    swaps: dict[int, int] = {}
    for pair in pairs.items():
        for label, partner in (pair, pair[::-1]):
            if not isinstance(label, int) or label < 0:
                raise ConfigError(f"label_map: {label!r} is no class id; ids are integers >= 0")
            if swaps.setdefault(label, partner) != partner:
                raise ConfigError(
                    f"label_map: class {label} is swapped with {swaps[label]} and with {partner}"
                )
    return swaps


def map_by_name(name: str, classes: Sequence[str] | None) -> dict[int, int]:
    """The class ids that a built-in map swaps, in a list's own order of classes.

    Names are compared without case, brackets and punctuation.

    Args:
        name: One of :data:`LABEL_MAPS`.
        classes: The list's class names by label; None where they are not known.

    Raises:
        ConfigError: No such map, no class names, or a class of the map is not among them.
    """
    if name not in LABEL_MAPS:
        raise ConfigError(f"label_map='{name}' is no built-in map{near(name, LABEL_MAPS)}")
    if classes is None:
        raise ConfigError(
            f"label_map='{name}' goes by class names: put classes.txt beside the annotation file,"
            " or name them by the data set's classes"
        )
    ids = {_plain(each): label for label, each in enumerate(classes)}
    wanted = [each for pair in LABEL_MAPS[name].items() for each in pair]
    missing = [each for each in wanted if _plain(each) not in ids]
    if missing:
        raise ConfigError(
            f"label_map='{name}': no class is called '{missing[0]}'; classes that a mirror image"
            " swaps can be given by id instead, such as label_map={0: 1}"
        )
    return both_ways({ids[_plain(a)]: ids[_plain(b)] for a, b in LABEL_MAPS[name].items()})


def mirrored_classes(classes: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of classes whose names differ in left and right alone, each pair once."""
    labels = {_plain(each): label for label, each in enumerate(classes)}
    pairs = []
    for own, label in labels.items():
        mirrored = " ".join(_OTHER_SIDE.get(word, word) for word in own.split())
        if label < labels.get(mirrored, -1):
            pairs.append((classes[label], classes[labels[mirrored]]))
    return pairs


def _plain(name: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", name.casefold()).split())
