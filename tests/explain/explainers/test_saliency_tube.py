from __future__ import annotations

import pytest
import torch
from torch import nn

from mmaction.errors import ConfigError
from mmaction.explain.explainers import SaliencyTube


@pytest.mark.parametrize("kind", ["st_abn", "plain"])
def test_sums_to_the_logit(make_model, clips, kind: str) -> None:
    model = make_model(kind)
    target = torch.tensor([3, 1])
    tube = SaliencyTube()(model, clips, target).spatial
    head = model.perception_branch if kind == "st_abn" else model.head
    head.fc.bias.data.uniform_(-1, 1)
    model.eval()
    logits = model(clips).scores[torch.arange(2), target]
    torch.testing.assert_close(tube.flatten(1).mean(1) + head.fc.bias[target], logits)


def test_is_the_features_weighed_by_the_class_weights(plain, clips) -> None:
    plain.eval()
    features, weights = plain.backbone(clips), plain.head.fc.weight
    expected = sum(weights[2, c] * features[:, c] for c in range(features.shape[1]))
    tube = SaliencyTube()(plain, clips, 2)
    torch.testing.assert_close(tube.spatial, expected.detach())
    assert tube.spatial.min() < 0 < tube.spatial.max()


class MaxPooled(nn.Module):
    """A head that only looks like the plain one."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.stage = nn.Identity()
        self.fc = nn.Linear(channels, classes)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.fc(self.stage(features).amax((2, 3, 4)))


def test_refuses_other_heads(plain, clips, make_linear) -> None:
    message = "are not a linear of averaged features"
    plain.head = MaxPooled(plain.backbone.out_channels, plain.num_classes)
    with pytest.raises(ConfigError, match=f"Recognizer3D {message}"):
        SaliencyTube()(plain, clips)
    with pytest.raises(ConfigError, match=f"LinearRecognizer {message}"):
        SaliencyTube()(make_linear(torch.rand(2, 3, 2, 4, 4)), torch.rand(1, 3, 2, 4, 4))
