from __future__ import annotations

import itertools
import sys

import pytest
import torch

from mmaction.errors import ConfigError, UserError
from mmaction.explain.explainers import IntegratedGradients, Occlusion

WINDOW, STRIDE = (2, 3, 2), (1, 2, 2)


def test_integrated_gradients_of_a_linear_model_are_weight_times_clip(linear, small_clips) -> None:
    pytest.importorskip("captum")
    target = torch.tensor([2, 0])
    importance = linear.weights[target].detach() * small_clips
    expected = importance.clamp_min(0).sum(1)
    explanation = IntegratedGradients(steps=2)(linear, small_clips, target)
    torch.testing.assert_close(explanation.spatial, expected)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_integrated_gradients_are_captum_s_own(st_abn, clips, batch_size: int) -> None:
    attr = pytest.importorskip("captum.attr")
    explanation = IntegratedGradients(steps=4, batch_size=batch_size)(st_abn, clips, 1)
    st_abn.eval()
    method = attr.IntegratedGradients(lambda x: st_abn(x).scores)
    expected = method.attribute(clips, target=1, n_steps=4)
    importance = expected.clamp_min(0).sum(1).float()
    torch.testing.assert_close(explanation.spatial, importance, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_occlusion_of_a_linear_model_in_loops(linear, small_clips, batch_size: int) -> None:
    """A window takes the sum of weight·x that it covers from the score."""
    pytest.importorskip("captum")
    target = torch.tensor([2, 0])
    lost = (linear.weights[target].detach() * small_clips).sum(1)
    total, times = torch.zeros_like(lost), torch.zeros_like(lost)
    size = lost.shape[1:]
    counts = [-(-max(n - w, 0) // s) + 1 for n, w, s in zip(size, WINDOW, STRIDE, strict=True)]
    for place in itertools.product(*map(range, counts)):
        starts = [p * s for p, s in zip(place, STRIDE, strict=True)]
        box = (slice(None), *(slice(a, a + w) for a, w in zip(starts, WINDOW, strict=True)))
        total[box] += lost[box].sum((1, 2, 3), keepdim=True)
        times[box] += 1
    mean = total / times
    explainer = Occlusion(window=WINDOW, stride=STRIDE, batch_size=batch_size)
    explanation = explainer(linear, small_clips, target)
    torch.testing.assert_close(explanation.spatial, mean.clamp_min(0), rtol=1e-4, atol=1e-4)


def test_default_window_is_a_quarter_and_half_of_it_the_stride(linear, small_clips) -> None:
    pytest.importorskip("captum")
    default = Occlusion()(linear, small_clips, 0)
    named = Occlusion(window=(1, 2, 2), stride=(1, 1, 1))(linear, small_clips, 0)
    assert torch.equal(default.spatial, named.spatial)


def test_refuses_windows_that_do_not_fit(linear, small_clips) -> None:
    pytest.importorskip("captum")
    with pytest.raises(
        ConfigError, match=r"window=\(5, 2, 2\) does not fit into clips of \(4, 6, "
    ):
        Occlusion(window=(5, 2, 2))(linear, small_clips)
    with pytest.raises(ConfigError, match=r"stride=\(1, 3, 1\) leaves gaps"):
        Occlusion(window=(2, 2, 2), stride=(1, 3, 1))(linear, small_clips)


@pytest.mark.parametrize("explainer", [Occlusion, IntegratedGradients])
def test_says_how_to_get_captum(monkeypatch, explainer: type) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match=r"needs captum .*pip install st-abn\[explain\]"):
        explainer()
