from __future__ import annotations

import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.models import AttentionMechanism


@pytest.mark.parametrize(
    ("gate", "final_relu"), [("published", True), ("published", False), ("joint", True)]
)
def test_equals_the_formula(gate: str, final_relu: bool) -> None:
    """x' = ReLU(BN(conv1×1×1(y))), element by element, y = [x·(1 + A_s), x·A_t] or x·A_s·A_t."""
    torch.manual_seed(0)
    mechanism = AttentionMechanism(channels=3, gate=gate, final_relu=final_relu).eval()
    mechanism.bn.running_mean.uniform_(-1, 1)
    mechanism.bn.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 3, 4, 5, 6)
    spatial, temporal = torch.rand(2, 1, 4, 5, 6), torch.rand(2, 1, 4, 1, 1)

    weight, bn = mechanism.conv.weight[:, :, 0, 0, 0], mechanism.bn
    expected = torch.empty_like(x)
    for out in range(3):
        total = torch.zeros(2, 4, 5, 6)
        for c in range(3):
            if gate == "joint":
                total += weight[out, c] * x[:, c] * spatial[:, 0] * temporal[:, 0]
            else:
                total += weight[out, c] * x[:, c] * (1 + spatial[:, 0])
                total += weight[out, 3 + c] * x[:, c] * temporal[:, 0]
        scaled = (total - bn.running_mean[out]) / torch.sqrt(bn.running_var[out] + bn.eps)
        expected[:, out] = scaled.clamp(min=0) if final_relu else scaled

    torch.testing.assert_close(mechanism(x, spatial, temporal), expected, rtol=1e-4, atol=1e-5)
    assert (expected < 0).any() != final_relu


def test_what_is_fainter_than_the_threshold_changes_nothing() -> None:
    torch.manual_seed(0)
    plain, thresholded = (
        AttentionMechanism(channels=3, gate="joint", threshold=threshold).eval()
        for threshold in (0.0, 0.25)
    )
    thresholded.load_state_dict(plain.state_dict())
    x, spatial, temporal = torch.randn(2, 3, 4, 5, 6), torch.rand(2, 1, 4, 5, 6), torch.tensor(0.5)
    seen = spatial >= 0.5
    answer = thresholded(x, spatial, temporal)
    assert torch.equal(answer, plain(x, spatial * seen, temporal))
    assert torch.equal(answer, thresholded(torch.where(seen, x, 9.0), spatial, temporal))
    assert not torch.equal(answer, plain(x, spatial, temporal))
    for gate, threshold in (("published", 0.25), ("joint", 1.0), ("joint", -0.1)):
        with pytest.raises(ConfigError, match=f"threshold={threshold}: expected a number in"):
            AttentionMechanism(channels=3, gate=gate, threshold=threshold)


def test_an_unknown_gate_is_refused_with_what_may_have_been_meant() -> None:
    with pytest.raises(ConfigError, match=r"gate='joined' is unknown; did you mean 'joint'\?"):
        AttentionMechanism(channels=3, gate="joined")
