from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from mmaction.datasets import RawframeDataset
from mmaction.explain.measures.subject import Subject
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.structures import Prediction


@pytest.fixture
def make_subject(
    center_clips: Callable[..., RawframeDataset], st_abn: BaseRecognizer
) -> Callable[..., Subject]:
    return partial(Subject, st_abn.eval(), center_clips(dict(type="ThreeCrop", size=32)))


def test_clips_are_the_middle_view_as_the_network_gets_it(make_subject) -> None:
    seen = make_subject([5, 2], batch_size=2)
    clips = seen.clips([0, 1])
    preprocessor = seen.model.data_preprocessor
    for clip, index in zip(clips, (5, 2), strict=True):
        pixels = seen.dataset[index]["inputs"][1].permute(3, 0, 1, 2).float()
        red = (pixels[0] - 123.675) / 58.395
        torch.testing.assert_close(clip[0], red, rtol=1e-4, atol=1e-4)
    assert preprocessor.normalise.shape == (3, 4)
    np.testing.assert_allclose(seen.black[0], -123.675 / 58.395, rtol=1e-5)
    assert [seen.name(0), seen.name(1)] == ["val/video 5", "val/video 2"]
    assert seen.labels.tolist() == [2, 2]


def test_batches_cover_all_videos_once(make_subject) -> None:
    seen = make_subject(list(range(7)), batch_size=3)
    assert [list(p) for p in seen.batched_positions()] == [[0, 1, 2], [3, 4, 5], [6]]
    torch.testing.assert_close(torch.cat(list(seen.batches())), seen.clips(range(7)))


def test_scores_are_the_network_s_probabilities(make_subject) -> None:
    seen = make_subject(list(range(5)), batch_size=2)
    clips = seen.clips(range(5))
    with torch.no_grad():
        prediction = seen.model(clips)
    assert isinstance(prediction, Prediction)
    torch.testing.assert_close(seen.score(clips), prediction.scores.softmax(dim=1))
