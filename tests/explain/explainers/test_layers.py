"""Grad-CAM and its kin inside every backbone: their formulas, cells found by their tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.explain.explainers import GradCAM, IntegratedGradients
from mmaction.models import STABN, Recognizer3D, TorchvisionBackbone
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import EXPLAINERS
from tests.explain.explainers.conftest import layer_and_gradient
from tests.tiny_transformers import SMALL_SWIN, SMALL_VIT, TRANSFORMERS

FRAMES, SIDE = 8, 32


@dataclass
class Case:
    """A layer: its grid, and where a clip's cell (t, row, column) is in what the layer gives."""

    backbone: dict[str, Any]
    layer: str
    grid: tuple[int, int, int]
    cell: Callable[..., Any]
    side: int = SIDE


def timm(model: str, **options: Any) -> dict[str, Any]:
    return dict(type="TimmBackbone", model=model, **options)


def transformer(name: str) -> dict[str, Any]:
    return dict(type="TransformersBackbone", model=dict(TRANSFORMERS[name], num_hidden_layers=2))


TOKENS = (4, 2, 2)
CASES = {
    "resnet3d": Case(
        dict(type="ResNet3D", depth=10, base_channels=4, num_stages=3),
        "layer2",
        (8, 4, 4),
        lambda b, t, y, x: (b, slice(None), t, y, x),
    ),
    "torchvision, convolutions": Case(
        dict(type="TorchvisionBackbone", model="mc3_18"),
        "network.layer2",
        (8, 4, 4),
        lambda b, t, y, x: (b, slice(None), t, y, x),
        side=16,
    ),
    "torchvision, swin": Case(
        dict(type="TorchvisionBackbone", model="swin3d_t"),
        "network.features.2",
        (4, 4, 4),
        lambda b, t, y, x: (b, t, y, x),
    ),
    "timm, convolutions": Case(
        timm("resnet18", temporal="conv", out_index=3),
        "network.model.layer2",
        (8, 4, 4),
        lambda b, t, y, x: (FRAMES * b + t, slice(None), y, x),
    ),
    "timm, vit": Case(
        timm("vit_tiny_patch16_224", model_options=SMALL_VIT),
        "network.model.blocks.1",
        (8, 2, 2),
        lambda b, t, y, x: (FRAMES * b + t, 1 + 2 * y + x),
    ),
    "timm, swin": Case(
        timm("swin_tiny_patch4_window7_224", model_options=SMALL_SWIN),
        "network.model.layers.2",
        (8, 4, 4),
        lambda b, t, y, x: (FRAMES * b + t, y, x),
        side=64,
    ),
    "videomae": Case(
        transformer("videomae"),
        "network.encoder.layer.0",
        TOKENS,
        lambda b, t, y, x: (b, 4 * t + 2 * y + x),
    ),
    "vivit": Case(
        transformer("vivit"),
        "network.layers.0",
        TOKENS,
        lambda b, t, y, x: (b, 1 + 4 * t + 2 * y + x),
    ),
    "timesformer": Case(
        transformer("timesformer"),
        "network.encoder.layer.0",
        (8, 2, 2),
        lambda b, t, y, x: (b, 1 + 8 * (2 * y + x) + t),
    ),
    "vjepa2": Case(
        transformer("vjepa2"),
        "network.encoder.layer.0",
        TOKENS,
        lambda b, t, y, x: (b, 4 * t + 2 * y + x),
    ),
}


def build(kind: str, backbone: dict[str, Any]) -> BaseRecognizer:
    torch.manual_seed(0)
    cls = STABN if kind == "st_abn" else Recognizer3D
    model = cls(num_classes=3, clip_len=FRAMES, backbone=dict(backbone))
    for parameter in model.parameters():
        if parameter.ndim == 2:  # linears start so small that gradients are hardly there
            torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def clips_of(case: Case) -> Tensor:
    size = (2, 3, FRAMES, case.side, case.side)
    return torch.randn(size, generator=torch.Generator().manual_seed(0))


def literal(name: str, a: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Maps of one clip, cells × C, by their papers' formulas."""
    if name == "grad_cam":
        weights = g.sum(0) / len(g)
    elif name == "grad_cam_pp":
        below = 2 * g**2 + a.sum(0) * g**3
        alpha = np.divide(g**2, below, out=np.zeros_like(g), where=below != 0)
        weights = (alpha * np.maximum(g, 0)).sum(0)
    else:
        weights = g if name == "hires_cam" else np.maximum(g, 0)
    return np.maximum((weights * a).sum(1), 0)


SLOW = ("torchvision, convolutions", "timm, convolutions")
IN_ST_ABN = ("resnet3d", "timm, vit", "videomae", "timesformer")


@pytest.mark.parametrize(
    ("kind", "backbone"),
    [("st_abn", name) for name in IN_ST_ABN]
    + [
        pytest.param("plain", name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in CASES
    ],
)
def test_cams_by_their_formulas_in_each_backbone(kind: str, backbone: str) -> None:
    case = CASES[backbone]
    # In double: Grad-CAM++ divides by sums that may be near zero.
    model, clips = build(kind, case.backbone).double(), clips_of(case).double()
    target, layer = torch.tensor([2, 0]), f"backbone.{case.layer}"
    given = layer_and_gradient(model, layer, clips, target)
    steps, rows, columns = case.grid
    for name in ("grad_cam", "grad_cam_pp", "hires_cam", "layer_cam"):
        explanation = EXPLAINERS.build(dict(type=name, layer=layer))(model, clips, target)
        assert explanation.spatial.shape == (2, FRAMES, rows, columns)
        found = explanation.spatial[:, :: FRAMES // steps].double().numpy()
        for b in range(2):
            a, g = (np.stack([x[case.cell(b, *at)] for at in np.ndindex(case.grid)]) for x in given)
            expected = literal(name, a, g).reshape(case.grid)
            np.testing.assert_allclose(found[b], expected, rtol=1e-5, atol=1e-9 * expected.max())
        assert found.max() > 0


@pytest.mark.parametrize("backbone", ["timm, vit", "videomae"])
def test_without_a_layer_s_name_the_map_has_the_features_grid(backbone: str) -> None:
    case = CASES[backbone]
    model, clips = build("plain", case.backbone), clips_of(case)
    maps = GradCAM()(model, clips, 1).spatial
    features = model.backbone(clips)
    # An average and a linear follow: the gradient is the linear's weight by the number of cells.
    tube = torch.einsum("c,bcthw->bthw", model.head.fc.weight[1], features)
    expected = torch.relu(tube / features[0, 0].numel())
    repeats = FRAMES // features.shape[2]
    torch.testing.assert_close(maps, expected.repeat_interleave(repeats, 1).detach())


def test_reads_inside_a_frozen_backbone() -> None:
    pytest.importorskip("captum")
    case = CASES["videomae"]
    clips = clips_of(case)
    for explainer in (GradCAM(layer=f"backbone.{case.layer}"), IntegratedGradients(steps=2)):
        free, frozen = (
            explainer(build("plain", dict(case.backbone, frozen=frozen)), clips, 1).spatial
            for frozen in (False, True)
        )
        assert torch.equal(free, frozen)


@torch.no_grad()
def test_mvits_tokens_are_laid_out_block_by_block() -> None:
    """Of 8×56×56 cells, a class token before them; later blocks have fewer of them."""
    with torch.device("meta"):
        backbone = TorchvisionBackbone(model="mvit_v2_s")
        clips = torch.empty(1, 3, 16, 224, 224)
    for side in (56, 14, 7):
        tokens = torch.arange(1 + 8 * side**2)[None, :, None]
        cells = backbone.lay_out(tokens, clips, layer=backbone.network)
        assert torch.equal(cells.flatten(), tokens[0, 1:, 0])
        assert cells.shape == (1, 1, 8, side, side)


@pytest.mark.parametrize(
    ("backbone", "layer"),
    [
        ("timesformer", "network.encoder.layer.0.temporal_attention"),  # tokens of one place
        ("timm, vit", "network.model.blocks.0.attn.q_norm"),  # heads
        ("timm, swin", "network.model.layers.0.blocks.0.attn"),  # windows
        ("videomae", "network"),  # an output with a name
    ],
)
def test_refuses_what_does_not_lie_over_time_and_picture(backbone: str, layer: str) -> None:
    case = CASES[backbone]
    with pytest.raises(ConfigError, match="what the backbone lays out so"):
        GradCAM(layer=f"backbone.{layer}")(build("plain", case.backbone), clips_of(case), 0)


def test_refuses_maps_whose_axes_are_in_another_order() -> None:
    """timm's ConvNeXt has channels first, but its norms, within blocks, have them last."""
    model = build("plain", timm("convnext_atto", model_options=dict(conv_mlp=False)))
    clips = torch.randn(1, 3, FRAMES, 64, 64)
    with pytest.raises(ConfigError, match="what the backbone lays out so"):
        GradCAM(layer="backbone.network.model.stages.2.blocks.0.norm")(model, clips, 0)
