from __future__ import annotations

import pytest
import torch

from mmaction.explain.explainers import IntegratedGradients


def test_of_a_linear_model_is_weight_times_clip(linear, small_clips) -> None:
    pytest.importorskip("captum")
    target = torch.tensor([2, 0])
    importance = linear.weights[target].detach() * small_clips
    expected = importance.clamp_min(0).sum(1)
    explanation = IntegratedGradients(steps=2)(linear, small_clips, target)
    torch.testing.assert_close(explanation.spatial, expected)
    torch.testing.assert_close(explanation.temporal, expected.mean((2, 3)))


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_is_captum_s_own(st_abn, clips, batch_size: int) -> None:
    attr = pytest.importorskip("captum.attr")
    explanation = IntegratedGradients(steps=4, batch_size=batch_size)(st_abn, clips, 1)
    st_abn.eval()
    method = attr.IntegratedGradients(lambda x: st_abn(x).scores)
    expected = method.attribute(clips, target=1, n_steps=4)
    importance = expected.clamp_min(0).sum(1).float()
    torch.testing.assert_close(explanation.spatial, importance, rtol=1e-3, atol=1e-6)
