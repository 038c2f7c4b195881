from __future__ import annotations

import pytest
from torch import nn

from mmaction.checkpoint.assumptions import (
    as_text,
    assumptions_of,
    disagreements,
    kept_assumptions,
    require_assumptions,
)
from mmaction.errors import ConfigError
from mmaction.models import STABN, Recognizer3D

BACKBONE = dict(
    type="ResNet3D", depth=10, base_channels=4, temporal_strides=(1, 2, 1, 1), shift_div=8
)
OF_EVERY_RESNET = {
    "backbone.stem_temporal_stride": 1,
    "backbone.stem_pool": True,
    "backbone.pool_temporal_strides": [1, 1],
    "backbone.shift_div": 8,
    "backbone.shift_shortcut": False,
    "backbone.non_local_cfg": {},
}


def test_what_a_network_computes_that_no_weight_tells() -> None:
    own = dict(spatial_strides=(1, 2, 1, 3), num_stages=3)
    mechanism = dict(final_relu=False)
    net = STABN(num_classes=2, clip_len=4, backbone=BACKBONE | own, attention_mechanism=mechanism)
    assert assumptions_of(net) == OF_EVERY_RESNET | {
        "backbone.spatial_strides": [1, 2, 1],
        "backbone.temporal_strides": [1, 2, 1, 1],
        "attention_branch.spatial_stride": 1,
        "perception_branch.spatial_stride": 3,
        "attention_mechanism.final_relu": False,
    }
    plain = Recognizer3D(num_classes=2, clip_len=4, backbone=BACKBONE)
    assert assumptions_of(plain) == OF_EVERY_RESNET | {
        "backbone.spatial_strides": [1, 2, 2, 2],
        "backbone.temporal_strides": [1, 2, 1, 1],
    }
    assert assumptions_of(nn.Linear(1, 1)) == {}


def test_it_is_kept_as_text_or_as_it_is_and_compared() -> None:
    plain = Recognizer3D(num_classes=2, clip_len=4, backbone=BACKBONE)
    own = assumptions_of(plain)
    for kept in (own, as_text(own)):
        found = kept_assumptions({"meta": {"assumes": kept}})
        assert found == own
        require_assumptions(plain, found, "x.pth")
    other = {**own, "backbone.temporal_strides": [1, 1, 1, 1], "of.later.versions": 1}
    assert disagreements(plain, other) == [
        "model.backbone.temporal_strides=[1, 1, 1, 1], the config says [1, 2, 1, 1]"
    ]
    with pytest.raises(ConfigError, match=r"^checkpoint x\.pth is for model\.backbone\.temporal"):
        require_assumptions(plain, other, "x.pth")


@pytest.mark.parametrize("content", [{}, {"meta": 1}, {"meta": {"assumes": "{"}}])
def test_files_that_say_nothing(content: dict[str, object]) -> None:
    assert kept_assumptions(content) == {}
    assert kept_assumptions({"meta": {"assumes": "[1]"}}) == {}
