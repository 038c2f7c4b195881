from __future__ import annotations

import sys

import pytest
import torch

from mmaction.errors import ConfigError, UserError
from mmaction.explain.explainers import IntegratedGradients
from mmaction.explain.explainers.baselines import baseline_clips


@pytest.fixture
def linear(make_linear):
    generator = torch.Generator().manual_seed(3)
    return make_linear(torch.randn(3, 3, 2, 6, 5, generator=generator))


@pytest.fixture
def small_clips() -> torch.Tensor:
    return torch.randn(2, 3, 2, 6, 5, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("baseline", ["mean", "black", "blur"])
def test_of_a_linear_model_is_weight_times_difference(linear, small_clips, baseline) -> None:
    pytest.importorskip("captum")
    difference = small_clips - baseline_clips(baseline, linear, small_clips)
    target = torch.tensor([2, 0])
    importance = linear.weights[target].detach() * difference
    for sign, expected in (("positive", importance.clamp_min(0)), ("absolute", importance.abs())):
        explainer = IntegratedGradients(baseline=baseline, sign=sign, steps=2)
        explanation = explainer(linear, small_clips, target)
        torch.testing.assert_close(explanation.spatial, expected.sum(1))
        torch.testing.assert_close(explanation.temporal, expected.sum(1).mean((2, 3)))


@pytest.mark.parametrize("batch_size", [1, 3, 64])
@pytest.mark.parametrize("output", ["score", "probability"])
def test_is_captum_s_own(st_abn, clips, output: str, batch_size: int) -> None:
    attr = pytest.importorskip("captum.attr")
    explainer = IntegratedGradients(output=output, steps=4, batch_size=batch_size, sign="absolute")
    explanation = explainer(st_abn, clips, 1)
    st_abn.eval()

    def forward(x: torch.Tensor) -> torch.Tensor:
        scores = st_abn(x).scores
        return scores.softmax(1) if output == "probability" else scores

    expected = attr.IntegratedGradients(forward).attribute(clips, target=1, n_steps=4)
    importance = expected.abs().sum(1).float()
    torch.testing.assert_close(explanation.spatial, importance, rtol=1e-3, atol=1e-6)


def test_says_how_to_get_captum(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match=r"needs captum .*pip install st-abn\[explain\]"):
        IntegratedGradients()


@pytest.mark.parametrize(
    "options",
    [
        dict(baseline="white"),
        dict(sign="both"),
        dict(output="x"),
        dict(steps=0),
        dict(batch_size=0),
    ],
)
def test_refuses_options_that_can_not_be(options: dict) -> None:
    with pytest.raises(ConfigError, match=f"integrated_gradients: {next(iter(options))}="):
        IntegratedGradients(**options)
