from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.datasets import RawframeDataset
from mmaction.datasets.edits import (
    between,
    decode_mask,
    encode_mask,
    read_edits,
    write_edits,
)
from mmaction.errors import DataError

PLAIN = [dict(type="SampleFrames", clip_len=4), dict(type="DecodeFrames"), dict(type="PackClips")]


def square(top: int, left: int, side: int = 2, size: tuple[int, int] = (6, 8)) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def read(path: Path, said: Any) -> Any:
    path.write_text(json.dumps({"edits": 1, "videos": {"a": said}}))
    return read_edits(path)["a"]


def test_run_lengths_are_coco_s() -> None:
    """Column by column, zeros first; counted by hand."""
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert encode_mask(mask) == dict(size=[2, 3], counts=[2, 3, 1])
    assert encode_mask(~mask) == dict(size=[2, 3], counts=[0, 2, 3, 1])
    assert encode_mask(mask & False) == dict(size=[2, 3], counts=[6])
    drawn = np.random.default_rng(0).random((9, 7)) < 0.4
    np.testing.assert_array_equal(decode_mask(encode_mask(drawn)["counts"], (9, 7)), drawn)


def test_between_key_frames_a_mask_goes_in_a_straight_line() -> None:
    first, last = square(0, 0), square(4, 6)
    for step in range(5):
        expected = square(step, int(np.floor(1.5 * step + 0.5)))
        np.testing.assert_array_equal(between(first, last, step / 4), expected)
    grown = between(square(1, 1, side=2), square(0, 0, side=4), 0.75)
    np.testing.assert_array_equal(grown, square(0, 0, side=4))


def test_what_is_said_of_each_frame(tmp_path: Path) -> None:
    """Nothing before the first key frame, after the last and where one of two says nothing."""
    look = [square(0, 0), square(0, 4)]
    where = [
        dict(frame=2, look=encode_mask(look[0]), away="rest"),
        dict(frame=4, look=encode_mask(look[1]), away="rest"),
        dict(frame=6, look=encode_mask(look[1])),
        dict(frame=8, away=encode_mask(look[0])),
    ]
    edit = read(tmp_path / "edits.json", dict(where=where, when=[[1, 4, 1.0], [4, 5, 0.25]]))
    assert edit.spatial(1) is edit.spatial(9) is None
    for frame, seen in ((2, look[0]), (3, square(0, 2)), (4, look[1])):
        np.testing.assert_array_equal(edit.spatial(frame)[..., 0], 255 * seen)
        np.testing.assert_array_equal(edit.spatial(frame)[..., 1], 255 * ~seen)
    np.testing.assert_array_equal(edit.spatial(5)[..., 0], 255 * look[1])
    assert not edit.spatial(5)[..., 1].any()
    assert not edit.spatial(7).any()
    np.testing.assert_array_equal(edit.spatial(8)[..., 1], 255 * look[0])
    weights = edit.temporal(np.array([[0, 1, 3], [4, 5, 6]]))
    np.testing.assert_array_equal(weights, [[np.nan, 1, 1], [0.25, 0.25, np.nan]])
    assert edit.last_frame == 8


MASK = encode_mask(square(0, 0))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([], "expected an object with where, when"),
        (dict(wher=[]), r"wher is unknown; did you mean 'where'"),
        (dict(where=[dict(look=MASK)]), r"where\[0\].frame=None: expected rising numbers"),
        (dict(where=[dict(frame=3), dict(frame=3)]), r"where\[1\].frame=3: expected rising"),
        (dict(where=[dict(frame=3, look="rest")]), r"where\[0\].look: str can't be right"),
        (dict(where=[dict(frame=3, away="all")]), r"where\[0\].away: expected 'rest' or a mask"),
        (dict(where=[dict(frame=1, look=MASK | dict(counts=[3, 4]))]), r"look.counts make 7 pixel"),
        (dict(where=[dict(frame=1, look=MASK | dict(counts=["a"]))]), r"look.counts: expected run"),
        (
            dict(where=[dict(frame=1, look=MASK, away=encode_mask(np.ones((2, 2), bool)))]),
            r"where\[0\].away.size=\[2, 2\]: the video's other masks are \[6, 8\]",
        ),
        (dict(when=[[3, 2, 1.0]]), r"when\[0\]=\[3, 2, 1.0\]: expected \[first frame, last frame"),
        (dict(when=[[1, 2, 1.5]]), r"when\[0\]=\[1, 2, 1.5\]: expected"),
    ],
)
def test_what_can_t_be_right_is_named(tmp_path: Path, said: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"edits '.*edits.json': video 'a': .*{message}"):
        read(tmp_path / "edits.json", said)


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    with pytest.raises(DataError, match="can't be read: No such file"):
        read_edits(path)
    for text, message in (("{", "no JSON"), ("{}", 'expected {"edits": 1'), ("3", "expected")):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_edits(path)
    path.write_text('{"edits": 1, "videos": []}')
    with pytest.raises(DataError, match="videos: expected an object"):
        read_edits(path)


def test_a_data_set_takes_edits_of_its_own_videos_alone(video_root: Path, tmp_path: Path) -> None:
    def build() -> RawframeDataset:
        return RawframeDataset(
            ann_file=video_root / "list.txt",
            data_root=video_root,
            pipeline=PLAIN,
            edits=tmp_path / "edits.json",
        )

    write_edits(tmp_path / "edits.json", {"person 2/video4": dict(when=[[1, 7, 0.5]])})
    videos = build()
    assert videos[0]["sample"].guidance is None
    said = videos[4]["sample"].guidance
    assert said.temporal.tolist() == [[0.5] * 4]
    assert said.spatial.shape == (1, 2, 4, 48, 64)
    assert not said.spatial.any()
    write_edits(tmp_path / "edits.json", {"person 2/vido4": {}})
    with pytest.raises(DataError, match=r"no video 'person 2/vido4' in .*did you mean"):
        build()
    write_edits(tmp_path / "edits.json", {"person 2/video4": dict(when=[[1, 8, 0.5]])})
    with pytest.raises(DataError, match=r"'person 2/video4': frame 8: the last one is 7"):
        build()
