from __future__ import annotations

from typing import Any

import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.models import Recognizer2D

IMAGES = dict(type="ResNet3D", depth=10, base_channels=8, inflate=(0, 0, 0, 0))


def make(**backbone: Any) -> Recognizer2D:
    torch.manual_seed(0)
    model = Recognizer2D(num_classes=5, clip_len=4, backbone=IMAGES | backbone)
    torch.nn.init.normal_(model.head.fc.weight)
    return model.eval()


def test_the_answer_is_the_mean_of_the_frames_own() -> None:
    model, clips = make(), torch.randn(2, 3, 4, 32, 32)
    one = Recognizer2D(num_classes=5, clip_len=1, backbone=IMAGES).eval()
    one.load_state_dict(model.state_dict())
    with torch.no_grad():
        of_frames = [one(clips[:, :, t : t + 1]).scores for t in range(4)]
        torch.testing.assert_close(model(clips).scores, torch.stack(of_frames).mean(0))


def test_dropout_differs_from_frame_to_frame() -> None:
    """Of one frame a channel is 0 or 2; the mean of four has values between."""
    head = make().head.train()
    torch.nn.init.eye_(head.fc.weight)
    with torch.no_grad():
        seen = {round(value, 3) for value in head(torch.ones(64, 64, 4, 1, 1)).flatten().tolist()}
    assert seen == {0.0, 0.5, 1.0, 1.5, 2.0}


def test_a_temporal_stride_leaves_no_features_for_each_frame() -> None:
    with pytest.raises(ConfigError, match=r"temporal_stride=2.*Recognizer3D takes it"):
        make(temporal_strides=(1, 2, 1, 1))
