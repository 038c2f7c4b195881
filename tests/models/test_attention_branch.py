from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmaction.models import AttentionBranch
from tests.models.formulas import batch_norm


def make_branch(*, channels: int, num_classes: int, clip_len: int) -> AttentionBranch:
    stage = nn.Conv3d(channels, 2 * channels, 1)
    stage.out_channels = 2 * channels
    return AttentionBranch(stage=stage, num_classes=num_classes, clip_len=clip_len)


def conv1x1x1(x: Tensor, conv: nn.Module) -> Tensor:
    return torch.einsum("oc,bcthw->bothw", conv.weight[:, :, 0, 0, 0], x)


def literal(branch: AttentionBranch, features: Tensor) -> dict[str, Tensor]:
    """The design's formulas, step by step, without dropout."""
    x = batch_norm(branch.stage(features), branch.bn_stage)
    response = batch_norm(conv1x1x1(x, branch.conv_response), branch.bn_response).clamp(min=0)

    per_class = conv1x1x1(response, branch.conv_scores).mean(dim=(3, 4))  # B×K×T
    flat = per_class.reshape(len(features), -1)
    scores = flat @ branch.fc_scores.weight.T + branch.fc_scores.bias

    spatial = torch.sigmoid(batch_norm(conv1x1x1(response, branch.conv_spatial), branch.bn_spatial))

    t = branch.temporal
    x = batch_norm(F.conv3d(response, t.conv.weight, padding=1), t.bn).clamp(min=0)[:, 0]
    x = torch.einsum("ot,bthw->bohw", t.mix.weight[:, :, 0, 0], x).clamp(min=0).mean(dim=(2, 3))
    x = (x @ t.fc1.weight.T + t.fc1.bias).clamp(min=0)
    temporal = torch.sigmoid(x @ t.fc2.weight.T + t.fc2.bias)
    return dict(response=response, scores=scores, spatial=spatial, temporal=temporal)


@pytest.mark.parametrize(
    ("num_classes", "clip_len", "size"), [(3, 1, 4), (5, 4, 7), (2, 6, 3), (1, 3, 5)]
)
def test_equals_the_formulas_step_by_step(num_classes: int, clip_len: int, size: int) -> None:
    torch.manual_seed(0)
    branch = make_branch(channels=6, num_classes=num_classes, clip_len=clip_len)
    branch.dropout.p = 0.0
    for bn in (branch.bn_stage, branch.bn_response, branch.bn_spatial, branch.temporal.bn):
        nn.init.uniform_(bn.weight, 0.5, 1.5)
        nn.init.uniform_(bn.bias, -0.5, 0.5)
    features = torch.randn(2, 6, clip_len, size, size)
    expected = literal(branch, features)
    out = branch(features)
    assert out.temporal.shape == (2, 1, clip_len, 1, 1)
    for name, value in expected.items():
        got = getattr(out, name)
        torch.testing.assert_close(got.reshape(value.shape), value, rtol=1e-4, atol=1e-5)
