"""Networks small enough for a test."""

from __future__ import annotations

from typing import Any

import pytest

from mmaction.models import STABN, Recognizer3D

# On the features of ``make_st_abn``.
EVIDENCE: dict[str, Any] = dict(
    attention_branch=dict(
        type="EvidenceBranch",
        stage=dict(type="PointwiseStage", in_channels=16, out_channels=8),
    ),
    attention_mechanism=dict(gate="joint"),
)


def tiny_backbone(**changes: Any) -> dict[str, Any]:
    return dict(type="ResNet3D", depth=18, base_channels=4) | changes


@pytest.fixture
def make_st_abn():
    def make(*, num_classes: int = 5, clip_len: int = 4, **changes: Any) -> STABN:
        backbone = tiny_backbone(num_stages=3, **changes.pop("backbone", {}))
        return STABN(num_classes=num_classes, clip_len=clip_len, backbone=backbone, **changes)

    return make


@pytest.fixture
def make_plain():
    def make(*, num_classes: int = 5, clip_len: int = 4, **changes: Any) -> Recognizer3D:
        backbone = tiny_backbone(**changes.pop("backbone", {}))
        return Recognizer3D(
            num_classes=num_classes, clip_len=clip_len, backbone=backbone, **changes
        )

    return make
