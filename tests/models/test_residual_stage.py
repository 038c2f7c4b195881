"""A branch's residual stage over any backbone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.logging import MMLogger
from torch import nn

from mmaction.errors import ConfigError
from mmaction.models import STABN, ResidualStage
from mmaction.registry import MODELS


@MODELS.register_module()
class Pooled(nn.Module):
    """A backbone that declares its channels alone."""

    out_channels = 16

    def __init__(self, *, tokens: bool) -> None:
        super().__init__()
        self.tokens = tokens
        self.conv = nn.Conv3d(3, 16, (1, 8, 8), stride=(1, 8, 8))

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return self.conv(clips)


@pytest.mark.parametrize(
    ("kind", "taps"),
    [("2d+1", [(3, 1, 1), (1, 3, 3), (1, 1, 1)]), ("3d", [(1, 1, 1), (3, 3, 3), (1, 1, 1)])],
)
def test_bottlenecks_reach_over_time_by_one_convolution(
    kind: str, taps: list[tuple[int, int, int]]
) -> None:
    stage = ResidualStage(in_channels=8, kind=kind, blocks=2, spatial_stride=2)
    assert [
        stage[0].conv1.kernel_size,
        stage[0].conv2.kernel_size,
        stage[0].conv3.kernel_size,
    ] == taps
    assert stage(torch.randn(2, 8, 4, 6, 6)).shape == (2, 16, 4, 3, 3)
    assert stage.out_channels == 16


def test_attention_sees_every_cell_of_every_frame() -> None:
    torch.manual_seed(0)
    stage = ResidualStage(in_channels=16, kind="attention", num_heads=4).eval()
    features = torch.randn(1, 16, 3, 2, 2, requires_grad=True)
    out = stage(features)
    assert out.shape == features.shape
    out[0, :, 2, 1, 1].sum().backward()
    assert features.grad is not None
    assert (features.grad.abs().sum(dim=1) > 0).all()
    # Tokens keep their places: exchanging two cells exchanges their answers.
    swapped = features.detach().clone()
    swapped[:, :, 0, 0, 0], swapped[:, :, 2, 1, 0] = (
        features[:, :, 2, 1, 0].detach(),
        features[:, :, 0, 0, 0].detach(),
    )
    again = stage(swapped)
    torch.testing.assert_close(again[:, :, 0, 0, 0], out[:, :, 2, 1, 0])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (dict(kind="lstm"), "kind='lstm'"),
        (dict(out_channels=10), "out_channels=10"),
        (dict(kind="attention", num_heads=3), "num_heads=3"),
        (dict(kind="attention", spatial_stride=2), "spatial_stride=2"),
    ],
)
def test_what_cannot_be_is_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        ResidualStage(in_channels=8, **options)
    assert named in str(refusal.value)


@pytest.mark.parametrize(("tokens", "kind"), [(False, "2d+1"), (True, "attention")])
def test_a_branch_without_a_stage_gets_one_by_what_the_backbone_declares(
    tokens: bool, kind: str, tmp_path: Path
) -> None:
    logger = MMLogger.get_instance(f"stage {kind}", log_file=str(tmp_path / "log"))
    model = STABN(num_classes=3, clip_len=2, backbone=dict(type="Pooled", tokens=tokens))
    for branch in (model.attention_branch, model.perception_branch):
        assert isinstance(branch.stage, ResidualStage)
    assert model(torch.randn(1, 3, 2, 32, 32)).spatial_attention.shape == (1, 2, 4, 4)
    for handler in logger.handlers:
        handler.flush()
    stage = f"{{'type': 'ResidualStage', 'in_channels': 16, 'kind': '{kind}'"
    told = (tmp_path / "log").read_text()
    assert f"AttentionBranch has no stage of its own: stage={stage}" in told
