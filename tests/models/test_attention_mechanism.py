from __future__ import annotations

import pytest
import torch

from mmaction.models import AttentionMechanism


@pytest.mark.parametrize("final_relu", [True, False])
def test_equals_the_formula(final_relu: bool) -> None:
    """x' = ReLU(BN(conv1×1×1([x·(1 + A_s), x·A_t]))), element by element."""
    torch.manual_seed(0)
    mechanism = AttentionMechanism(channels=3, final_relu=final_relu).eval()
    mechanism.bn.running_mean.uniform_(-1, 1)
    mechanism.bn.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 3, 4, 5, 6)
    spatial, temporal = torch.rand(2, 1, 4, 5, 6), torch.rand(2, 1, 4, 1, 1)

    weight = mechanism.conv.weight[:, :, 0, 0, 0]
    expected = torch.empty_like(x)
    for out in range(3):
        total = torch.zeros(2, 4, 5, 6)
        for c in range(3):
            total += weight[out, c] * x[:, c] * (1 + spatial[:, 0])
            total += weight[out, 3 + c] * x[:, c] * temporal[:, 0]
        bn = mechanism.bn
        scaled = (total - bn.running_mean[out]) / torch.sqrt(bn.running_var[out] + bn.eps)
        expected[:, out] = scaled.clamp(min=0) if final_relu else scaled

    torch.testing.assert_close(mechanism(x, spatial, temporal), expected, rtol=1e-4, atol=1e-5)
    assert (expected < 0).any() != final_relu
