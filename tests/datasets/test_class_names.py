from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmaction.dataprep.motion_shapes import CLASSES
from mmaction.datasets.class_names import both_ways, find_classes, map_by_name, mirrored_classes
from mmaction.errors import ConfigError, DataError

# Where the two published orders, and sorted names, have the classes that a mirror image swaps.
PUBLISHED_V1 = {2: 4, 30: 41, 52: 66}
PUBLISHED_V2 = SORTED = {86: 87, 93: 94, 166: 167}
SIDES = [
    ("Pulling something from left to right", "Pulling something from right to left"),
    ("Pushing something from left to right", "Pushing something from right to left"),
    (
        "Turning the camera left while filming something",
        "Turning the camera right while filming something",
    ),
]


@pytest.mark.parametrize("name", ["sthv1", "sthv2"])
@pytest.mark.parametrize("pairs", [PUBLISHED_V1, PUBLISHED_V2, SORTED], ids=str)
@pytest.mark.parametrize("spelling", [str, str.upper, lambda s: s.replace("something", "[it]")])
def test_something_something_goes_by_names_in_any_order(
    name: str, pairs: dict[int, int], spelling: Callable[[str], str]
) -> None:
    classes = [f"Class {label}" for label in range(174)]
    for (first, second), (a, b) in zip(SIDES, pairs.items(), strict=True):
        classes[a] = spelling(first).replace("[it]", "[something]")
        classes[b] = spelling(second).replace("[it]", "[something]")
    assert map_by_name(name, classes) == pairs | {b: a for a, b in pairs.items()}


def test_classes_that_are_not_known_or_do_not_hold_the_pairs_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"label_map='sthv1' goes by class names: put classes"):
        map_by_name("sthv1", None)
    with pytest.raises(ConfigError, match=r"no class is called 'Pulling something from left to r"):
        map_by_name("sthv2", ["walk", "run"])
    with pytest.raises(ConfigError, match=r"'sthv3' is no built-in map; did you mean 'sthv2' or"):
        map_by_name("sthv3", ["walk"])


def test_motion_shapes_pairs_by_name() -> None:
    found = map_by_name("motion_shapes", CLASSES)
    swapped = {CLASSES[a]: CLASSES[b] for a, b in found.items()}
    assert swapped == {
        "move_left": "move_right",
        "move_right": "move_left",
        "rotate_clockwise": "rotate_counter_clockwise",
        "rotate_counter_clockwise": "rotate_clockwise",
    }


def test_names_that_differ_in_the_side_alone() -> None:
    classes = ["Kick (left)", "wave", "kick right", "turn left", "Leftover", "push_right to left"]
    assert mirrored_classes(classes) == [("Kick (left)", "kick right")]
    assert mirrored_classes(["right to left", "left to right"]) == [
        ("right to left", "left to right")
    ]


def test_given_maps_are_made_whole() -> None:
    assert both_ways({0: 3, 5: 6}) == {0: 3, 3: 0, 5: 6, 6: 5}
    assert both_ways({0: 3, 3: 0}) == {0: 3, 3: 0}


@pytest.mark.parametrize(
    ("label_map", "problem"),
    [
        ({0: 1, 1: 2}, "class 1 is swapped with 0 and with 2"),
        ({"a": 1}, "'a' is no class id"),
        ({0: -1}, "-1 is no class id"),
    ],
)
def test_unsound_maps_are_named(label_map: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        both_ways(label_map)


def test_names_given_from_a_file_or_from_beside_the_list(tmp_path: Path) -> None:
    assert find_classes(["a", "b"], "list.txt") == ("a", "b")
    assert find_classes(None, str(tmp_path / "list.txt")) is None
    (tmp_path / "classes.txt").write_text("\ufeffone\r\ntwo words\r\n\r\n")
    assert find_classes(None, str(tmp_path / "list.txt")) == ("one", "two words")
    assert find_classes(tmp_path / "classes.txt", "list.txt") == ("one", "two words")


def test_class_files_that_cannot_be_used(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    with pytest.raises(DataError, match=r"names.txt' does not exist"):
        find_classes(str(names), "list.txt")
    names.write_text("a\n\nb\n")
    with pytest.raises(DataError, match=r"names.txt:2: an empty line"):
        find_classes(names, "list.txt")
    names.write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"names.txt:1: this is not UTF-8 text"):
        find_classes(names, "list.txt")
