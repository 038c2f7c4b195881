from __future__ import annotations

import sys
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mmaction.errors import ConfigError, UserError
from mmaction.explain.explainers import FrameShapley
from mmaction.explain.measures.perturbation import frozen_frames
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.structures import Prediction


class Gloves(BaseRecognizer):
    """Class 1 is worth 1 where the last frame is there together with one of the two before it."""

    def __init__(self) -> None:
        super().__init__(num_classes=2, clip_len=3)

    def predict_clips(self, clips: Tensor) -> Prediction:
        there = clips.flatten(3).abs().amax(dim=(1, 3))
        worth = there[:, :2].amax(dim=1) * there[:, 2]
        return Prediction(scores=torch.stack([torch.zeros_like(worth), worth], dim=1))

    def losses(self, prediction: Prediction, labels: Tensor) -> dict[str, Tensor]:
        raise NotImplementedError


def test_the_glove_game_by_hand() -> None:
    """In six orders of three, the last frame completes a pair in four, each other one in one."""
    explainer = FrameShapley(score="logit", absent="blank")
    found = explainer(Gloves(), torch.ones(1, 3, 3, 2, 2), 1)
    torch.testing.assert_close(found.temporal, torch.tensor([[1 / 6, 1 / 6, 4 / 6]]))
    assert found.spatial.shape == (1, 3, 1, 1)


@pytest.mark.parametrize("options", [dict(), dict(samples=2), dict(batch_size=3)])
def test_of_a_linear_model_are_weight_times_frame(linear, small_clips, options: Any) -> None:
    if "samples" in options:
        pytest.importorskip("captum")
    target = torch.tensor([2, 0])
    explainer = FrameShapley(score="logit", absent="blank", **options)
    expected = (linear.weights[target].detach() * small_clips).sum((1, 3, 4))
    found = explainer(linear, small_clips, target).temporal
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_mean_over_all_orders(st_abn, clips) -> None:
    st_abn.eval()

    def probability(clip: Tensor, kept: list[int]) -> float:
        if not kept:
            shown = torch.zeros_like(clip)
        else:
            order = [max([k for k in kept if k <= t], default=min(kept)) for t in range(4)]
            shown = clip[:, order]
        return float(st_abn(shown[None]).scores.softmax(1)[0, 2])

    expected = np.zeros((2, 4))
    for b, order in product(range(2), permutations(range(4))):
        for place, frame in enumerate(order):
            before = list(order[:place])
            gain = probability(clips[b], [*before, frame]) - probability(clips[b], before)
            expected[b, frame] += gain / 24
    found = FrameShapley()(st_abn, clips, 2).temporal
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("score", ["probability", "logit"])
@pytest.mark.parametrize("samples", [None, 3])
@torch.no_grad()
def test_sum_to_what_all_frames_add(st_abn, clips, samples: int | None, score: str) -> None:
    if samples is not None:
        pytest.importorskip("captum")
    st_abn.eval()
    scores = [st_abn(x).scores for x in (clips, torch.zeros_like(clips))]
    if score == "probability":
        scores = [s.softmax(1) for s in scores]
    explainer = FrameShapley(groups=3, score=score, samples=samples)
    found = explainer(st_abn, clips, 1).temporal
    torch.testing.assert_close(found.sum(1), (scores[0] - scores[1])[:, 1], rtol=1e-4, atol=1e-6)


def test_a_group_shares_its_value_equally(linear, small_clips) -> None:
    explainer = FrameShapley(groups=2, score="logit", absent="blank")
    each = (linear.weights[1].detach() * small_clips).sum((1, 3, 4))
    expected = each.view(2, 2, 2).mean(2).repeat_interleave(2, 1)
    found = explainer(linear, small_clips, 1).temporal
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_what_is_absent_freezes_as_in_the_measures() -> None:
    there = torch.tensor(list(product([False, True], repeat=4)))
    clips = torch.arange(1.0, 5.0)[None, None, :, None, None].expand(16, 3, 4, 1, 1)
    shown = FrameShapley()._shown(clips, there)[:, 0, :, 0, 0]
    assert not shown[0].any()
    for row, kept in zip(shown[1:], there[1:], strict=True):
        expected = 1 + frozen_frames(kept.numpy(), last=0)
        np.testing.assert_array_equal(row.numpy(), expected)


def test_refuses_options_that_can_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"groups=13 have 2\^13 sets; take at most 12"):
        FrameShapley(groups=13)
    with pytest.raises(ConfigError, match="score='loss', expected probability or logit"):
        FrameShapley(score="loss")
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match="explainer frame_shapley needs captum"):
        FrameShapley(samples=3)
