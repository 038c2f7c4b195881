from __future__ import annotations

import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers import Attention


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
