from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers import Attention, ClassResponse, RefinedAttention


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


def test_refined_it_lies_on_what_changes_near_where_it_lay(st_abn, clips) -> None:
    coarse = Attention()(st_abn, clips)
    refined = RefinedAttention(factor=2)(st_abn, clips)
    assert torch.equal(refined.temporal, coarse.temporal)
    rows, columns = (2 * side for side in coarse.spatial.shape[2:])
    for clip, maps, found in zip(clips, coarse.spatial, refined.spatial, strict=True):
        step = (clip[:, 1:] - clip[:, :-1]).abs().mean(dim=0)  # T-1×H×W
        sides = torch.stack([torch.cat([step[:1], step]), torch.cat([step, step[-1:]])])
        pooled = sides.reshape(2, 4, rows, 32 // rows, columns, 32 // columns).mean(dim=(3, 5))
        change = pooled.amax(dim=0).numpy()
        expected = np.zeros(change.shape)
        for t, row, column in np.ndindex(expected.shape):
            around = change[t, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            up = cv2.resize(maps[t].numpy(), (columns, rows), interpolation=cv2.INTER_LINEAR)
            expected[t, row, column] = up[row, column] * around.mean()
        np.testing.assert_allclose(found, expected / expected.max(), rtol=1e-4, atol=1e-6)


def test_no_cell_is_smaller_than_a_pixel(st_abn, clips) -> None:
    assert RefinedAttention(factor=1000)(st_abn, clips).spatial.shape[1:] == clips.shape[2:]


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
