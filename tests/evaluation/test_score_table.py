from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmaction.errors import UserError
from mmaction.evaluation import ScoreTable

MakeResult = Callable[..., Any]


def table(make_result: MakeResult, indices: list[int], **kwargs: Any) -> ScoreTable:
    return ScoreTable.from_results([make_result(i, **kwargs) for i in indices])


def assert_same(got: ScoreTable, expected: ScoreTable) -> None:
    assert got.names == expected.names
    for field in ("index", "labels", "scores", "attention_scores"):
        np.testing.assert_array_equal(getattr(got, field), getattr(expected, field))


def test_results_become_rows(make_result: MakeResult) -> None:
    got = table(make_result, [5, 2], label=3)
    assert got.names == ["video 5", "video 2"]
    assert got.index.tolist() == [5, 2]
    assert got.labels.tolist() == [3, 3]
    assert got.scores.shape == (2, 4)
    assert got.scores.dtype == np.float32
    np.testing.assert_array_equal(got.scores[1], make_result(2).scores)
    np.testing.assert_array_equal(got.attention_scores[1], make_result(2).attention_scores)


def test_interleaved_parts_come_back_in_order_each_video_once(make_result: MakeResult) -> None:
    """As of three processes, whose sampler repeats the first videos to fill up."""
    parts = [[0, 3], [6, 0], [1, 4], [], [2, 5], [1, 2]]
    merged = ScoreTable.merge([table(make_result, part) for part in parts if part])
    assert_same(merged, table(make_result, list(range(7))))


def test_a_process_without_videos_does_no_harm(make_result: MakeResult) -> None:
    empty = ScoreTable([], np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4)))
    merged = ScoreTable.merge([empty, table(make_result, [1, 0])])
    assert_same(merged, table(make_result, [0, 1]))


def test_a_plain_recognizer_has_no_attention_scores(make_result: MakeResult) -> None:
    parts = [table(make_result, [i], attention=False) for i in (1, 0)]
    assert ScoreTable.merge(parts).attention_scores is None


def test_labelled_means_every_video(make_result: MakeResult) -> None:
    some = [table(make_result, [0], label=1), table(make_result, [1], label=None)]
    assert some[0].labelled
    assert not ScoreTable.merge(some).labelled


@pytest.mark.parametrize("attention", [True, False])
def test_what_is_saved_is_loaded(tmp_path: Path, make_result: MakeResult, attention: bool) -> None:
    kept = table(make_result, [0, 1, 2], attention=attention)
    kept.made_from.update(config="abc")
    kept.save(tmp_path / "scores.pkl")
    loaded = ScoreTable.load(tmp_path / "scores.pkl")
    assert_same(loaded, kept)
    assert loaded.made_from == {"config": "abc"}
    assert os.listdir(tmp_path) == ["scores.pkl"]


def test_a_score_file_is_plain_data(tmp_path: Path, make_result: MakeResult) -> None:
    """Anyone can read it without this project."""
    table(make_result, [0, 1]).save(tmp_path / "scores.pkl")
    content = pickle.loads((tmp_path / "scores.pkl").read_bytes())
    assert type(content) is dict
    assert type(content["scores"]) is np.ndarray


@pytest.mark.parametrize(
    "data", [b"", b"hello", pickle.dumps([1, 2]), pickle.dumps({"names": []}), b"\x80\x04]"]
)
def test_what_is_no_score_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "scores.pkl").write_bytes(data)
    with pytest.raises(UserError, match=r"scores\.pkl: not a score file"):
        ScoreTable.load(tmp_path / "scores.pkl")
