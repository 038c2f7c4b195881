from __future__ import annotations

import torch
from torch import nn

from mmaction.models import PerceptionBranch


def test_is_stage_then_average_then_linear() -> None:
    torch.manual_seed(0)
    stage = nn.Conv3d(2, 3, 1)
    branch = PerceptionBranch(stage=stage, num_classes=4).eval()
    features = torch.randn(2, 2, 3, 4, 5)
    pooled = stage(features).sum(dim=(2, 3, 4)) / (3 * 4 * 5)
    expected = pooled @ branch.fc.weight.T + branch.fc.bias
    torch.testing.assert_close(branch(features), expected)


def test_dropout_only_in_training() -> None:
    torch.manual_seed(0)
    stage = nn.Identity()
    stage.out_channels = 64
    branch = PerceptionBranch(stage=stage, num_classes=4, dropout_ratio=0.5)
    features = torch.randn(1, 64, 1, 1, 1)
    assert not torch.equal(branch(features), branch(features))
    branch.eval()
    assert torch.equal(branch(features), branch(features))
