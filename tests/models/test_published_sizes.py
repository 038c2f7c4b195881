"""Parameters and multiply-accumulates beside those that model zoos publish."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mmaction.apis.complexity import count
from mmaction.registry import MODELS
from tests.convert.zoo import I3D, IMAGES, NL, STRIDED, TV, resnet

STRIDED_I3D = dict(stem_temporal_stride=2, pool_temporal_strides=(2, 2))
AFTER = (0, (0, 1, 0, 1), (0, 1, 0, 1, 0, 1), 0)
ALL = (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("backbone", "frames", "size", "classes", "parameters", "macs"),
    [
        # MMAction2's tables, Kinetics-400 at 256² and Something-Something at 224².
        pytest.param(resnet(50, IMAGES), 8, 224, 400, 24.33, 32.88, id="TSN R50"),
        pytest.param(resnet(50, IMAGES, shift_div=8), 8, 224, 174, 23.87, 32.88, id="TSM R50"),
        pytest.param(resnet(50), 8, 256, 400, 32.45, 54.75, id="SlowOnly R50"),
        pytest.param(resnet(101), 8, 256, 400, 60.36, 112, id="SlowOnly R101"),
        pytest.param(resnet(50, I3D, 5, **STRIDED_I3D), 32, 256, 400, 28.0, 43.5, id="I3D R50"),
        pytest.param(
            resnet(50, I3D, 5, **STRIDED_I3D, non_local=AFTER, non_local_cfg=NL),
            *(32, 256, 400, 35.4, 59.3),
            id="I3D R50, non-local",
        ),
        pytest.param(
            resnet(34, ALL, 3, inflate_style="2+1d", **STRIDED),
            *(8, 256, 400, 63.8, 53.1),
            id="R(2+1)D-34",
        ),
        # torchvision's, 16 frames of 112².
        pytest.param(
            resnet(18, (1, 0, 0, 0), 3, stem_pool=False),
            *(16, 112, 400, 11.695440, 43.34),
            id="mc3_18",
        ),
        pytest.param(
            resnet(18, ALL, 3, inflate_style="2+1d-shared", **TV),
            *(16, 112, 400, 31.505325, 40.52),
            id="r2plus1d_18",
        ),
    ],
)
def test_sizes_are_the_published_ones(
    backbone: dict[str, Any], frames: int, size: int, classes: int, parameters: float, macs: float
) -> None:
    wide = backbone | dict(base_channels=64)
    with torch.device("meta"):
        network = dict(type="Recognizer3D", num_classes=classes, clip_len=frames, backbone=wide)
        whole = count(MODELS.build(network).eval(), torch.empty(1, 3, frames, size, size))[0]
    assert whole.parameters / 1e6 == pytest.approx(parameters, rel=2e-3)
    # Those tables count norms and pools too.
    assert whole.macs / 1e9 == pytest.approx(macs, rel=0.01)
