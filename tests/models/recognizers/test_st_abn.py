from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmaction.errors import ConfigError
from mmaction.models import PerceptionBranch
from tests.models.conftest import EVIDENCE

STILL = EVIDENCE | dict(loss_weights=dict(stillness=2.0))


@pytest.mark.parametrize("num_classes", [1, 7])
@pytest.mark.parametrize("clip_len", [1, 5])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 80)])
@pytest.mark.parametrize("depth", [18, 50])
def test_shapes(make_st_abn, num_classes, clip_len, height, width, depth) -> None:
    model = make_st_abn(num_classes=num_classes, clip_len=clip_len, backbone=dict(depth=depth))
    out = model(torch.randn(2, 3, clip_len, height, width))
    assert out.scores.shape == out.attention_scores.shape == (2, num_classes)
    assert out.spatial_attention.shape == (2, clip_len, height // 16, width // 16)
    assert out.temporal_attention.shape == (2, clip_len)
    for attention in (out.spatial_attention, out.temporal_attention):
        assert 0 <= attention.min() <= attention.max() <= 1


@pytest.mark.parametrize("changes", [{}, dict(backbone=dict(with_cp=True)), STILL])
def test_gradients_reach_every_parameter(make_st_abn, changes: dict) -> None:
    torch.manual_seed(0)
    model = make_st_abn(**changes)
    losses = model(torch.randn(4, 3, 4, 32, 32), labels=torch.arange(4), mode="loss")
    sum(value for name, value in losses.items() if name.startswith("loss")).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_temporal_stride_keeps_one_weight_a_frame(make_st_abn) -> None:
    model = make_st_abn(clip_len=5, backbone=dict(temporal_strides=(1, 2, 1, 1))).eval()
    out = model(torch.randn(1, 3, 5, 32, 32))
    assert out.temporal_attention.shape == (1, 5)
    assert out.spatial_attention.shape[:2] == (1, 5)
    weights = out.temporal_attention[0]
    assert weights[0] == weights[1]
    assert weights[2] == weights[3]


def test_a_clip_of_another_length_gets_a_clear_error(make_st_abn) -> None:
    with pytest.raises(ConfigError, match="6 frames, model.clip_len is 4"):
        make_st_abn()(torch.zeros(1, 3, 6, 32, 32))


def test_stage_options_make_a_cheaper_attention_branch(make_st_abn) -> None:
    model = make_st_abn(attention_branch=dict(blocks=1))
    assert len(model.attention_branch.stage) == 1
    assert len(model.perception_branch.stage) == 2


def test_unknown_loss_weight_is_refused(make_st_abn) -> None:
    with pytest.raises(ConfigError, match="loss_weights"):
        make_st_abn(loss_weights=dict(atention=1.0))


def test_scores_follow_the_literal_softmax_average_of_views(make_st_abn) -> None:
    torch.manual_seed(0)
    model = make_st_abn(num_classes=4).eval()
    clips = torch.randn(6, 3, 4, 32, 32)
    results = model(clips, samples=["first", "second"], mode="predict")
    logits = model(clips).scores
    for video in range(2):
        views = [F.softmax(logits[3 * video + v], dim=0) for v in range(3)]
        torch.testing.assert_close(results[video].scores, sum(views) / 3)
        assert results[video].spatial_attention.shape == (3, 4, 2, 2)
        assert results[video].temporal_attention.shape == (3, 4)


def test_the_published_network_is_the_default(make_st_abn) -> None:
    """Its parameters, beside the stages', by name and shape: checkpoints depend on them."""
    model = make_st_abn(num_classes=5, clip_len=4)
    state = model.state_dict()
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    expected = {f"bn_stage.{n}" for n in norm} | {f"bn_response.{n}" for n in norm}
    expected |= {f"bn_spatial.{n}" for n in norm} | {f"temporal.bn.{n}" for n in norm}
    expected |= {f"conv_{n}.weight" for n in ("response", "scores", "spatial")}
    expected |= {f"temporal.{n}.weight" for n in ("conv", "mix", "fc1", "fc2")}
    expected |= {f"{n}.bias" for n in ("temporal.fc1", "temporal.fc2", "fc_scores")}
    expected |= {"fc_scores.weight"}
    branch = {k.removeprefix("attention_branch.") for k in state if k.startswith("attention_b")}
    assert {k for k in branch if not k.startswith("stage.")} == expected
    channels = model.backbone.out_channels
    assert state["attention_mechanism.conv.weight"].shape == (channels, 2 * channels, 1, 1, 1)
    losses = model(torch.randn(2, 3, 4, 32, 32), labels=torch.arange(2), mode="loss")
    assert list(losses) == [
        "loss_perception",
        "top1_perception",
        "loss_attention",
        "top1_attention",
    ]


def test_stillness_is_a_weighted_loss_on_where_the_attention_lies(make_st_abn) -> None:
    torch.manual_seed(0)
    model = make_st_abn(**STILL).train()
    clips = torch.randn(2, 3, 4, 32, 32)
    clips[:, :, 1:, :, :16] = clips[:, :, :1, :, :16]  # the upper half stands still
    attention = model(clips).spatial_attention
    difference = (clips[:, :, 1:] - clips[:, :, :-1]).abs().mean(dim=1)
    cells = difference.reshape(2, 3, 2, 16, 2, 16).mean(dim=(3, 5))
    around = torch.stack([cells[:, max(t - 1, 0) : t + 1].amax(dim=1) for t in range(4)], dim=1)
    change = around / (around + around.mean(dim=(1, 2, 3), keepdim=True))
    share = 1 - (attention * change).sum(dim=(1, 2, 3)) / attention.sum(dim=(1, 2, 3))
    losses = model(clips, labels=torch.tensor([0, 4]), mode="loss")
    torch.testing.assert_close(losses["loss_stillness"], 2 * share.mean())


def test_stillness_of_features_where_these_alone_are_kept(make_st_abn) -> None:
    """Nothing changes but one cell in the second frame: all attention elsewhere is still."""
    torch.manual_seed(0)
    model = make_st_abn(**STILL).train()
    features = torch.randn(1, model.backbone.out_channels, 1, 2, 2).repeat(1, 1, 4, 1, 1)
    features[:, :, 1, 0, 1] += 1
    prediction = model.predict_features(features)
    attention = prediction.spatial_attention
    change = torch.zeros(4, 2, 2)
    change[:3, 0, 1] = 1 / (1 + 3 / 16)  # 1 beside the clip's mean
    expected = 1 - (attention[0] * change).sum() / attention.sum()
    found = model.attention_losses(prediction, features, ())["loss_stillness"]
    torch.testing.assert_close(found, 2 * expected, atol=2e-4, rtol=0)


def test_stillness_under_a_temporal_stride(make_st_abn) -> None:
    backbone = dict(temporal_strides=(1, 2, 1, 1))
    model = make_st_abn(clip_len=5, backbone=backbone, **STILL).train()
    losses = model(torch.randn(2, 3, 5, 32, 32), labels=torch.arange(2), mode="loss")
    assert 0 < losses["loss_stillness"] < 2


def test_pretrained_weights_go_only_into_stages_of_the_backbones_making(
    make_st_abn, make_plain, tmp_path
) -> None:
    torch.manual_seed(0)
    path = tmp_path / "pretrained.pth"
    torch.save(make_plain().backbone.state_dict(), path)
    model = make_st_abn(backbone=dict(pretrained=str(path)), **STILL)
    before = {k: v.clone() for k, v in model.attention_branch.stage.state_dict().items()}
    model.init_weights()
    for key, value in model.attention_branch.stage.state_dict().items():
        assert torch.equal(value, before[key])
    loaded = torch.load(path)["layer4.0.conv1.weight"]
    assert torch.equal(model.perception_branch.stage[0].conv1.weight, loaded)


def test_its_dropout_only_in_training() -> None:
    torch.manual_seed(0)
    stage = nn.Identity()
    stage.out_channels = 64
    branch = PerceptionBranch(stage=stage, num_classes=4, dropout_ratio=0.5)
    features = torch.randn(1, 64, 1, 1, 1)
    assert not torch.equal(branch(features), branch(features))
    branch.eval()
    assert torch.equal(branch(features), branch(features))
