from __future__ import annotations

import pytest
import torch

from mmaction.errors import ConfigError, DataError


def test_score_average_is_the_mean_of_logits(make_plain) -> None:
    torch.manual_seed(0)
    model = make_plain(average_views="score").eval()
    clips = torch.randn(4, 3, 4, 32, 32)
    results = model(clips, samples=["a", "b"], mode="predict")
    logits = model(clips).scores
    torch.testing.assert_close(results[1].scores, (logits[2] + logits[3]) / 2)


def test_one_label_a_video_serves_all_its_views(make_plain) -> None:
    torch.manual_seed(0)
    model = make_plain().eval()
    clips = torch.randn(4, 3, 4, 32, 32)
    twice = model(clips, labels=torch.tensor([1, 2]), mode="loss")
    spelt = model(clips, labels=torch.tensor([1, 1, 2, 2]), mode="loss")
    assert torch.equal(twice["loss_perception"], spelt["loss_perception"])


def test_wrong_input_is_refused(make_plain) -> None:
    model = make_plain()
    with pytest.raises(ValueError, match="B×3×T×H×W"):
        model(torch.zeros(1, 4, 32, 32))
    with pytest.raises(ValueError, match="'tensor', 'loss' or 'predict'"):
        model(torch.zeros(1, 3, 4, 32, 32), mode="train")
    with pytest.raises(DataError, match="labels"):
        model(torch.zeros(1, 3, 4, 32, 32), mode="loss")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (dict(num_classes=0), "model.num_classes=0"),
        (dict(clip_len=2.5), "model.clip_len=2.5"),
        (dict(average_views="max"), "average_views='max'"),
    ],
)
def test_wrong_arguments_are_named(make_plain, wrong: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        make_plain(**wrong)
