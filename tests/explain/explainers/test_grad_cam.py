from __future__ import annotations

import numpy as np
import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers import GradCAM, SaliencyTube
from tests.explain.explainers.conftest import layer_and_gradient


@pytest.mark.parametrize("per_frame", [False, True])
@pytest.mark.parametrize("layer", ["backbone", "backbone.layer2", "perception_branch.stage"])
def test_recomputed_by_hand(st_abn, clips, layer: str, per_frame: bool) -> None:
    """ReLU(Σ_c w_c A_c) in loops."""
    target = torch.tensor([2, 0])
    explanation = GradCAM(per_frame=per_frame, layer=layer)(st_abn, clips, target)
    features, gradients = layer_and_gradient(st_abn.eval(), layer, clips, target)
    cam = np.zeros_like(features[:, 0])
    for b, c, t in np.ndindex(features.shape[:3]):
        weight = gradients[b, c, t].mean() if per_frame else gradients[b, c].mean()
        cam[b, t] += weight * features[b, c, t]
    np.testing.assert_allclose(explanation.spatial, np.maximum(cam, 0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["st_abn", "plain"])
@pytest.mark.parametrize("per_frame", [False, True])
def test_default_layer_is_the_last_one_where_it_is_the_tube(
    make_model, clips, kind: str, per_frame: bool
) -> None:
    """After it come an average over n cells and a linear: the gradient is W_kc / n."""
    model = make_model(kind)
    cam = GradCAM(per_frame=per_frame)(model, clips, 1).spatial
    tube = SaliencyTube()(model, clips, 1).spatial
    torch.testing.assert_close(cam, tube.clamp_min(0) / tube[0].numel())


def test_a_layer_that_is_overwritten_in_place(plain, clips) -> None:
    """The stem's norm is followed by a ReLU that writes into what it gets."""
    after = GradCAM(layer="backbone.stem.bn")(plain, clips, 1).spatial
    for module in plain.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    torch.testing.assert_close(after, GradCAM(layer="backbone.stem.bn")(plain, clips, 1).spatial)


@pytest.mark.parametrize("layer", ["backbone.layer2", "backbone.layer3.0.conv1"])
def test_the_same_with_activation_checkpointing(make_model, clips, layer: str) -> None:
    maps = [
        GradCAM(layer=layer)(make_model("st_abn", backbone=dict(with_cp=cp)), clips, 0).spatial
        for cp in (False, True)
    ]
    torch.testing.assert_close(*maps)


@pytest.mark.parametrize(
    "layer",
    [
        *("perception_branch.fc", "attention_branch"),  # no features
        "attention_branch.conv_scores",  # not in the perception scores
        *("data_preprocessor", "perception_branch.stage.0"),  # run never and twice
    ],
)
def test_refuses_a_layer_that_can_not_be_read(st_abn, clips, layer: str) -> None:
    relu, branch = torch.nn.ReLU(), st_abn.perception_branch
    branch.stage = torch.nn.Sequential(relu, branch.stage, relu)
    with pytest.raises(ConfigError, match=f"'{layer}' must run once .*, and have a part in the"):
        GradCAM(layer=layer)(st_abn, clips, 0)


def test_a_layer_that_is_not_there(st_abn, clips) -> None:
    message = "'backbone.layer9' is no module of STABN; did you mean 'backbone"
    with pytest.raises(ConfigError, match=message):
        GradCAM(layer="backbone.layer9")(st_abn, clips, 0)


def test_asks_for_a_layer_where_there_is_no_default(make_linear) -> None:
    with pytest.raises(ConfigError, match="LinearRecognizer has neither .*; name a layer="):
        GradCAM()(make_linear(torch.rand(2, 3, 2, 4, 4)), torch.rand(1, 3, 2, 4, 4))
