from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmaction.dataprep.motion_shapes import CLASSES, make_video
from mmaction.datasets.transforms.label_maps import LABEL_MAPS, resolve_label_map
from mmaction.errors import ConfigError


def test_something_something_pairs() -> None:
    first = resolve_label_map("sthv1")
    assert first == {2: 4, 4: 2, 30: 41, 41: 30, 52: 66, 66: 52}
    second = resolve_label_map("sthv2")
    assert second == {86: 87, 87: 86, 93: 94, 94: 93, 166: 167, 167: 166}


def test_motion_shapes_pairs_by_name() -> None:
    swapped = {CLASSES[a]: CLASSES[b] for a, b in LABEL_MAPS["motion_shapes"].items()}
    assert swapped == {
        "move_left": "move_right",
        "move_right": "move_left",
        "rotate_clockwise": "rotate_counter_clockwise",
        "rotate_counter_clockwise": "rotate_clockwise",
    }


def test_mirrored_motion_shapes_move_as_their_new_label_says() -> None:
    label = CLASSES.index("move_left")
    video = make_video(np.random.default_rng(0), label)
    first, last = video.actor_masks[0], video.actor_masks[-1]
    assert column(last) < column(first)
    assert column(last[:, ::-1]) > column(first[:, ::-1])
    assert CLASSES[LABEL_MAPS["motion_shapes"][label]] == "move_right"


def column(mask: np.ndarray) -> float:
    return float(np.nonzero(mask)[1].mean())


def test_given_maps_are_made_whole() -> None:
    assert resolve_label_map({0: 3, 5: 6}) == {0: 3, 3: 0, 5: 6, 6: 5}
    assert resolve_label_map({0: 3, 3: 0}) == {0: 3, 3: 0}
    assert resolve_label_map(None) == {}


@pytest.mark.parametrize(
    ("label_map", "problem"),
    [
        ("sthv3", "label_map='sthv3' is no built-in map; did you mean 'sthv2' or 'sthv1'"),
        ({0: 1, 1: 2}, "class 1 is swapped with 0 and with 2"),
        ({"a": 1}, "'a' is no class id"),
        ({0: -1}, "-1 is no class id"),
    ],
)
def test_unsound_maps_are_named(label_map: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        resolve_label_map(label_map)
