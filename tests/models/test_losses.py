"""The losses by their formulas, in both branches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.models import BinaryCrossEntropy, CrossEntropy
from mmaction.structures import ClipSample

WEIGHTS = [0.5, 1.0, 2.0, 0.0, 1.5]


@pytest.mark.parametrize("shares", [False, True])
def test_smoothed_and_weighted_cross_entropy(make_st_abn, shares: bool) -> None:
    torch.manual_seed(0)
    options = dict(type="CrossEntropy", label_smoothing=0.1, class_weights=WEIGHTS)
    of_branches = dict(perception=2.0, attention=0.25)
    model = make_st_abn(loss_cls=options, loss_weights=of_branches).eval()
    clips, labels = torch.randn(3, 3, 4, 32, 32), torch.tensor([0, 4, 2])
    targets = torch.eye(5)[labels]
    if shares:
        labels = targets = 0.7 * targets + 0.3 * targets.roll(1, 0)
    out, losses = model(clips), model(clips, labels=labels, mode="loss")
    weight = torch.tensor(WEIGHTS)
    # torch divides by the weights of the class labels, where there are such.
    total = 3 if shares else weight[labels].sum()
    for name, scores in (("perception", out.scores), ("attention", out.attention_scores)):
        smoothed = 0.9 * targets + 0.1 / 5
        expected = -(weight * smoothed * scores.log_softmax(1)).sum() / total
        torch.testing.assert_close(losses[f"loss_{name}"], of_branches[name] * expected)
        hit = targets[torch.arange(3), scores.argmax(1)].mean()
        torch.testing.assert_close(losses[f"top1_{name}"], hit)


def test_binary_cross_entropy_asks_of_each_class() -> None:
    torch.manual_seed(0)
    scores = torch.randn(4, 5)
    labels = (torch.rand(4, 5) < 0.4).float()
    weight, p = torch.tensor(WEIGHTS), 1 / (1 + torch.exp(-scores))
    expected = -(weight * (labels * p.log() + (1 - labels) * (1 - p).log())).mean()
    torch.testing.assert_close(BinaryCrossEntropy(class_weights=WEIGHTS)(scores, labels), expected)
    one = torch.tensor([3, 0, 1, 1])
    loss = BinaryCrossEntropy()
    torch.testing.assert_close(loss(scores, one), loss(scores, torch.eye(5)[one]))


def test_several_labels_a_video_are_learned_by_both_branches(make_st_abn) -> None:
    torch.manual_seed(0)
    names = [(0, (3, 4)), (2, ())]
    batch = dict(
        inputs=torch.randint(0, 256, (2, 1, 4, 32, 32, 3), dtype=torch.uint8),
        color=torch.eye(3, 4).expand(2, 3, 4),
        samples=[
            ClipSample(n, str(n), label, np.zeros((1, 4)), more_labels=more)
            for n, (label, more) in enumerate(names)
        ],
    )
    model = make_st_abn(loss_cls=dict(type="BinaryCrossEntropy")).eval()
    given = model.data_preprocessor(batch)
    out, losses = model(given["clips"]), model(**given, mode="loss")
    targets = torch.tensor([[1.0, 0, 0, 1, 1], [0, 0, 1, 0, 0]])
    for name, scores in (("perception", out.scores), ("attention", out.attention_scores)):
        expected = BinaryCrossEntropy()(scores, targets)
        torch.testing.assert_close(losses[f"loss_{name}"], expected)
    with pytest.raises(ConfigError, match=r"loss_cls=dict\(type='BinaryCrossEntropy'\)"):
        make_st_abn()(**given, mode="loss")


def test_its_scores_are_sigmoids(make_plain) -> None:
    model = make_plain(loss_cls=dict(type="BinaryCrossEntropy")).eval()
    clips = torch.randn(2, 3, 4, 32, 32)
    [result] = model(clips, samples=["a video of two views"], mode="predict")
    torch.testing.assert_close(result.scores, model(clips).scores.sigmoid().mean(0))


def test_values_out_of_range(make_plain) -> None:
    with pytest.raises(ConfigError, match=r"label_smoothing=1.0: it lies in \[0, 1\)"):
        CrossEntropy(label_smoothing=1.0)
    with pytest.raises(ConfigError, match="class_weights=.*expected a number >= 0 for each class"):
        CrossEntropy(class_weights=[1.0, -1.0])
    with pytest.raises(ConfigError, match="class_weights has 2 numbers for 5 classes"):
        make_plain(loss_cls=dict(class_weights=[1.0, 2.0]))
