from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from mmaction.errors import ConfigError
from mmaction.explain.explainers.grad_cam import GradCAM
from mmaction.models import STABN, Recognizer3D

BACKBONE = dict(type="ResNet3D", depth=10, base_channels=8, out_stages=(3, 4))
SIZES: dict[str, Any] = dict(num_classes=5, clip_len=4)
NECK = dict(type="TPN", steps=(4, 2), groups=8)
CLIPS = torch.linspace(-1, 1, 2 * 3 * 4 * 64 * 64).sin().reshape(2, 3, 4, 64, 64)


def make(**neck: Any) -> Recognizer3D:
    torch.manual_seed(0)
    return Recognizer3D(**SIZES, backbone=BACKBONE, neck=NECK | neck)


def test_the_auxiliary_head_has_a_loss_of_its_own_while_training() -> None:
    """The logits' formulae are re-computed with the public networks', in tests/convert."""
    model = make().train()
    model.neck.auxiliary.dropout.p = 0.0
    labels = torch.tensor([1, 3])
    losses = model(CLIPS, labels=labels, mode="loss")
    lower, _ = model.backbone(CLIPS)
    expected = F.cross_entropy(model.neck.auxiliary(lower), labels)
    torch.testing.assert_close(losses["loss_auxiliary"], 0.5 * expected)
    sum(value for name, value in losses.items() if name.startswith("loss")).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert model.eval()(CLIPS).auxiliary_scores is None
    without = make(auxiliary_weight=0.0)
    assert "loss_auxiliary" not in without(CLIPS, labels=labels, mode="loss")


def test_the_levels_keep_their_steps_in_time() -> None:
    model = make().eval()
    with torch.no_grad():
        features, _ = model.neck(model.backbone(CLIPS))
    assert features.shape == (2, model.neck.out_channels, 2, 2, 2)
    assert model.neck.temporal_stride == 2


def test_attention_over_its_features_and_grad_cam_of_them() -> None:
    model = STABN(**SIZES, backbone=BACKBONE, neck=NECK).train()
    losses = model(CLIPS, labels=torch.tensor([1, 3]), mode="loss")
    assert losses.keys() >= {"loss_perception", "loss_attention", "loss_auxiliary"}
    answer = model.eval()(CLIPS)
    assert answer.spatial_attention.shape == (2, 4, 2, 2)
    # A step in time stands for its frames.
    assert torch.equal(answer.temporal_attention[:, 0], answer.temporal_attention[:, 1])
    for network in (model, make().eval()):
        assert GradCAM()(network, CLIPS, 0).spatial.shape[0] == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (dict(neck=NECK | dict(steps=(4, 3))), r"steps=\(4, 3\): expected 2 falling .* 4 steps"),
        (dict(neck=NECK | dict(steps=(1, 2))), r"steps=\(1, 2\)"),
        (dict(backbone=BACKBONE | dict(out_stages=(4,))), r"neck\.type='TPN' reads several stages"),
        (dict(backbone=BACKBONE | dict(out_stages=(2, 4))), r"in_channels=\[16, 64\].*\(3, 4\)"),
        (dict(neck=None), r"features of 2 stages, which is for a neck"),
    ],
)
def test_what_does_not_fit_is_told(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Recognizer3D(**SIZES, **(dict(backbone=BACKBONE, neck=NECK) | change))
