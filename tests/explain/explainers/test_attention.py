from __future__ import annotations

import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers import Attention, ClassResponse


def test_is_the_prediction_s_own_whatever_the_class(st_abn, clips) -> None:
    st_abn.eval()
    with torch.no_grad():
        prediction = st_abn(clips)
    for target in (None, 0, 3):
        explanation = Attention()(st_abn, clips, target)
        assert torch.equal(explanation.spatial, prediction.spatial_attention)
        assert torch.equal(explanation.temporal, prediction.temporal_attention)


def test_refuses_a_model_without_attention(plain, clips) -> None:
    with pytest.raises(ConfigError, match="attention: Recognizer3D has no attention of its own"):
        Attention()(plain, clips)


def test_class_response_is_the_target_s_channel_of_the_response(st_abn, clips) -> None:
    st_abn.eval()
    with torch.no_grad():
        response = st_abn.attention_branch(st_abn.backbone(clips)).response
    explanation = ClassResponse()(st_abn, clips, torch.tensor([4, 1]))
    assert torch.equal(explanation.spatial, torch.stack([response[0, 4], response[1, 1]]))
    assert explanation.spatial.min() >= 0


def test_class_response_refuses_a_model_without_an_attention_branch(plain, clips) -> None:
    with pytest.raises(ConfigError, match="Recognizer3D has no attention branch"):
        ClassResponse()(plain, clips)


def test_refuses_a_branch_without_a_response(plain, clips) -> None:
    plain.attention_branch = torch.nn.Identity()
    with pytest.raises(ConfigError, match="no attention branch with a response to each class"):
        ClassResponse()(plain, clips)
