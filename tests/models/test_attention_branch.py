from __future__ import annotations

import pytest
import torch
from torch import nn

from mmaction.models import AttentionBranch
from tests.convert.conftest import attention
from tests.convert.zoo import Net, random_state


@pytest.mark.parametrize(
    ("num_classes", "clip_len", "size"), [(3, 1, 4), (5, 4, 7), (2, 6, 3), (1, 3, 5)]
)
def test_equals_the_formulas_step_by_step(num_classes: int, clip_len: int, size: int) -> None:
    torch.manual_seed(0)
    stage = nn.Conv3d(6, 12, 1)
    stage.out_channels = 12
    branch = AttentionBranch(stage=stage, num_classes=num_classes, clip_len=clip_len).eval()
    weights = {f"attention_branch.{name}": value for name, value in random_state(branch).items()}
    features = torch.randn(2, 6, clip_len, size, size)
    out = branch(features)
    expected = attention(Net(weights), stage(features))
    for name, value in zip(("response", "scores", "spatial", "temporal"), expected, strict=True):
        torch.testing.assert_close(getattr(out, name), value, rtol=1e-4, atol=1e-5)
