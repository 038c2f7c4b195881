from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.explain.explainers import ScoreCAM
from mmaction.models.recognizers.base import BaseRecognizer


def literal(model: BaseRecognizer, features: Tensor, clip: Tensor, target: int) -> Tensor:
    """The paper's algorithm for one clip, channel by channel; features C×T'×h×w."""
    baseline = model(torch.zeros_like(clip)[None]).scores[0, target]
    increases, kept = [], []
    for channel in features:
        mask = F.interpolate(channel[None, None], clip.shape[1:], mode="trilinear")[0, 0]
        if mask.max() > mask.min():
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            increases.append(model((clip * mask)[None]).scores[0, target] - baseline)
            kept.append(channel)
    exponentials = [increase.exp() for increase in increases]
    total = sum(exponentials)
    weighed = [e / total * channel for e, channel in zip(exponentials, kept, strict=True)]
    return torch.stack(weighed).sum(0).clamp_min(0)


@pytest.mark.parametrize("batch_size", [1, 6, 64])
@pytest.mark.parametrize(("kind", "layer"), [("st_abn", "backbone.layer2"), ("tokens", None)])
@torch.no_grad()
def test_recomputed_channel_by_channel(make_model, clips, kind, layer, batch_size: int) -> None:
    model = make_model(kind).eval()
    if kind == "st_abn":  # its scores hardly differ from mask to mask, until they are made sharper
        model.perception_branch.fc.weight *= 30
    seen: list[Tensor] = []
    module = model.get_submodule(layer or "backbone")
    with module.register_forward_hook(lambda *given: seen.append(given[-1])):
        model(clips)
    explainer = ScoreCAM(layer=layer, batch_size=batch_size)
    maps = explainer(model, clips, torch.tensor([2, 0])).spatial
    repeats = 4 // seen[0].shape[2]
    for b, target in enumerate((2, 0)):
        expected = literal(model, seen[0][b], clips[b], target).repeat_interleave(repeats, 0)
        torch.testing.assert_close(maps[b], expected, rtol=1e-3, atol=1e-5)
    assert maps.max() > 0


@torch.no_grad()
def test_channels_that_are_the_same_everywhere_say_nothing(st_abn, clips) -> None:
    norm = st_abn.backbone.layer2[-1].bn2
    norm.weight.zero_()
    norm.bias.zero_()
    st_abn.backbone.layer2[-1].downsample = torch.nn.Sequential(
        torch.nn.Conv3d(4, 8, 1, stride=(1, 2, 2), bias=False)
    )
    weight = st_abn.backbone.layer2[-1].downsample[0].weight
    weight.zero_()
    assert not ScoreCAM(layer="backbone.layer2")(st_abn, clips, 0).spatial.any()
    weight[3] = 1.0  # one channel varies: it is the map
    maps = ScoreCAM(layer="backbone.layer2")(st_abn, clips, 0).spatial
    seen: list[Tensor] = []
    st_abn.backbone.layer2.register_forward_hook(lambda *given: seen.append(given[-1]))
    st_abn.eval()(clips)
    torch.testing.assert_close(maps, seen[0][:, 3])


def test_refuses_a_layer_that_can_not_be_read(st_abn, clips) -> None:
    with pytest.raises(ConfigError, match="explainer score_cam: layer='data_preprocessor' must"):
        ScoreCAM(layer="data_preprocessor")(st_abn, clips, 0)
