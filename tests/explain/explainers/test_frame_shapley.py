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
    found = FrameShapley()(st_abn, clips, 2)
    np.testing.assert_allclose(found.temporal, expected, atol=1e-6)
    assert found.spatial.shape == (2, 4, 1, 1)


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


def test_refuses_options_that_can_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"groups=13 have 2\^13 sets; take at most 12"):
        FrameShapley(groups=13)
    with pytest.raises(ConfigError, match="score='loss', expected probability or logit"):
        FrameShapley(score="loss")
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match="explainer frame_shapley needs captum"):
        FrameShapley(samples=3)
