from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.errors import DataError
from mmaction.explain.measures.truth_files import (
    ActionTubes,
    ActorSides,
    MaskFiles,
    open_ground_truth,
)
from tests.explain.measures.conftest import write_masks


def tubes(path: Path, content: Any, *, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def video(*found: dict[str, Any]) -> dict[str, Any]:
    return {"annotations": list(found), "numf": 5, "label": 3}


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_boxes_by_hand(tmp_path: Path, protocol: int) -> None:
    """x, y, width, height of frames of 240×320, here half that size; frames from sf up to ef."""
    boxes = np.array([[20, 40, 60, 80], [22, 40, 60, 80]], dtype=np.uint16)
    tube = {"label": 3, "boxes": boxes, "sf": np.int64(1), "ef": np.int64(3)}
    path = tubes(
        tmp_path / "pyannot.pkl", {"Fencing/v_Fencing_g01_c01": video(tube)}, protocol=protocol
    )
    reader = ActionTubes(path)
    for name in ("Fencing/v_Fencing_g01_c01", "v_Fencing_g01_c01", "frames/v_Fencing_g01_c01"):
        truth = reader.read(name, frames=5, height=120, width=160)
        assert truth.acting.tolist() == [False, True, True, False, False]
        expected = np.zeros((5, 120, 160), dtype=bool)
        expected[1, 20:60, 10:40] = True
        expected[2, 20:60, 11:41] = True
        np.testing.assert_array_equal(truth.masks, expected)


def test_tubes_add_up_and_stay_in_the_picture(tmp_path: Path) -> None:
    found = video(
        {"boxes": np.array([[-5, -5, 10, 10]]), "sf": 0, "ef": 1},
        {"boxes": np.array([[310, 230, 50, 50]] * 9), "sf": 0, "ef": 9},
    )
    path = tubes(tmp_path / "pyannot.pkl", {"a": found})
    truth = ActionTubes(path).read("a", frames=2, height=240, width=320)
    assert truth.acting.tolist() == [True, True]
    assert truth.masks.sum(axis=(1, 2)).tolist() == [25 + 100, 100]


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1, 2])])
def test_files_that_are_no_boxes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.pkl: not boxes"):
        open_ground_truth(tmp_path / "a.pkl")


@pytest.mark.parametrize("found", [{}, {"annotations": [{"sf": 1}]}, {"annotations": 3}, 7])
def test_a_video_in_another_format(tmp_path: Path, found: Any) -> None:
    reader = ActionTubes(tubes(tmp_path / "a.pkl", {"a": found}))
    with pytest.raises(DataError, match=r"video 'a': not in UCF101-24's format"):
        reader.read("a", frames=2, height=4, width=4)


def test_a_video_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no ground truth of video 'b' in .*a\.pkl"):
        ActionTubes(tubes(tmp_path / "a.pkl", {})).read("b", frames=2, height=4, width=4)
    with pytest.raises(DataError, match=r"expected the file .*b\.npz"):
        MaskFiles(tmp_path).read("b", frames=2, height=4, width=4)
    with pytest.raises(DataError, match="expected the directory or file .*nowhere"):
        open_ground_truth(tmp_path / "nowhere")


def test_mask_files(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).random((4, 6, 8)) > 0.5
    write_masks(tmp_path, masks, (1, 3))
    truth = open_ground_truth(tmp_path).read("a", frames=4, height=6, width=8)
    np.testing.assert_array_equal(truth.masks, masks)
    assert truth.acting.tolist() == [False, True, True, False]
    double = open_ground_truth(tmp_path).read("a", frames=4, height=12, width=16)
    np.testing.assert_array_equal(double.masks, masks.repeat(2, axis=1).repeat(2, axis=2))


def test_mask_files_that_do_not_fit(tmp_path: Path) -> None:
    write_masks(tmp_path, np.zeros((4, 6, 8), dtype=bool), (1, 3))
    with pytest.raises(DataError, match=r"a\.npz: actor_masks are \(4, 6, 8\), .* has 5 frames"):
        MaskFiles(tmp_path).read("a", frames=5, height=6, width=8)
    (tmp_path / "a.npz").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"a\.npz: no ground truth of this project"):
        MaskFiles(tmp_path).read("a", frames=4, height=6, width=8)


SIDES = """clip,split,actor,first,last
kick,train,left,2,3
push,train,right,1,9
hug,val,both,1,2
"""


def test_sides_by_hand(tmp_path: Path) -> None:
    """Halves of frames of 4×5 pixels, whose middle column is nobody's; frames count from 1."""
    (tmp_path / "clips.csv").write_text(SIDES)
    reader = open_ground_truth(tmp_path / "clips.csv")
    kick, push, hug = (
        reader.read(name, frames=4, height=4, width=5) for name in ("kick.mp4", "a/push", "hug")
    )
    assert kick.acting.tolist() == [False, True, True, False]
    assert push.acting.tolist() == [True] * 4
    for truth, columns in ((kick, "11000"), (push, "00011"), (hug, "00000")):
        assert (truth.masks == np.array([c == "1" for c in columns])).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,first,last\n", r"no column 'actor'; the header has 'clip', 'first', 'last'"),
        ("clip,actor,first,last\nkick,west,1,2\n", r"video 'kick': actor 'west': expected one of"),
        ("clip,actor,first,last\nkick,left,1,x\n", r"video 'kick': first and last: expected"),
        ("clip,actor,first,last\n", r"clips\.csv: no line of video 'kick'"),
    ],
)
def test_tables_of_sides_that_can_t_be_right(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "clips.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        ActorSides(tmp_path / "clips.csv").read("kick", frames=4, height=4, width=5)
