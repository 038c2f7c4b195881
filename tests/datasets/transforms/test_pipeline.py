from __future__ import annotations

from typing import Any

import pytest

from mmaction.datasets.transforms.geometry import Resize
from mmaction.datasets.transforms.pipeline import Pipeline
from mmaction.errors import ConfigError

SAMPLE = {"type": "SampleFrames", "clip_len": 8}
DECODE = {"type": "DecodeFrames"}
CROP = {"type": "CenterCrop", "size": 8}
PACK = {"type": "PackClips"}


def test_builds_registered_transforms() -> None:
    pipeline = Pipeline([SAMPLE, DECODE, {"type": "mmaction.Resize", "size": 9}, CROP, PACK])
    assert len(pipeline.transforms) == 5
    assert isinstance(pipeline.transforms[2], Resize)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(KeyError, match="CentreCrop is not in the mmaction::transform registry"):
        Pipeline([SAMPLE, DECODE, {"type": "CentreCrop", "size": 8}, PACK])
    with pytest.raises(TypeError, match="unexpected keyword argument 'sise'"):
        Pipeline([SAMPLE, DECODE, {"type": "CenterCrop", "sise": 8}, PACK])


@pytest.mark.parametrize(
    ("configs", "problem"),
    [
        ([DECODE, SAMPLE, PACK], "DecodeFrames needs 'frame_indices': put SampleFrames or SampleS"),
        ([SAMPLE, CROP, DECODE, PACK], "CenterCrop needs 'views': put DecodeFrames before it"),
        ([SAMPLE, DECODE, CROP], "it has to end with PackClips"),
        ([], "it has to end with PackClips"),
    ],
)
def test_wrong_order_is_named(configs: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Pipeline(configs)
