"""The order of layers that backbones declare, beside a count by hand."""

from __future__ import annotations

from typing import Any

import pytest

from mmaction.errors import ConfigError
from mmaction.models import ResNet3D, TimmBackbone, TorchvisionBackbone, TransformersBackbone
from mmaction.models.backbones.layer_order import numbered, parameter_layers
from tests.tiny_transformers import TRANSFORMERS


def transformer(kind: str) -> TransformersBackbone:
    return TransformersBackbone(model=dict(TRANSFORMERS[kind], num_hidden_layers=3))


def test_numbers_order_the_layers_of_a_pattern() -> None:
    names = ["b.10.w", "norm.w", "b.2.w", "stem.w", "b.2.v"]
    assert numbered(names, ("stem", r"b\.(\d+)")) == {
        "stem.w": 0,
        "b.2.w": 1,
        "b.2.v": 1,
        "b.10.w": 2,
        "norm.w": 2,
    }


@pytest.mark.parametrize(
    ("backbone", "layers", "first", "last"),
    [
        # A stem, and the published numbers of blocks: 3 + 4 + 6, 4 × 2, 16, 3.
        (lambda: ResNet3D(depth=50, num_stages=3), 14, "stem.conv", "layer3.5.conv3"),
        (lambda: TorchvisionBackbone(model="r3d_18"), 9, "stem.0", "layer4.1.conv1.0"),
        (lambda: TorchvisionBackbone(model="mvit_v2_s"), 17, "conv_proj", "norm"),
        # Twelve blocks, and between the four stages a layer that merges patches.
        (lambda: TorchvisionBackbone(model="swin3d_t"), 16, "patch_embed.proj", "norm"),
        # Sixteen parts, four of which are poolings without weights.
        (lambda: TorchvisionBackbone(model="s3d"), 12, "features.0.0.0", "features.15.branch3.1.0"),
        (lambda: TimmBackbone(model="resnet18"), 9, "model.conv1", "model.layer4.1.conv2"),
        (
            lambda: TimmBackbone(model="tf_efficientnet_lite0", out_index=3, temporal="shift"),
            12,
            "model.conv_stem",
            "model.blocks.4.2.conv_pw.inner",
        ),
        (
            lambda: TimmBackbone(model="vit_tiny_patch16_224"),
            13,
            "model.patch_embed.proj",
            "model.blocks.11.mlp.fc2",
        ),
        (
            lambda: transformer("videomae"),
            4,
            "embeddings.patch_embeddings.projection",
            "encoder.layer.2.output.dense",
        ),
        (lambda: transformer("vivit"), 4, "embeddings.patch_embeddings.projection", "layernorm"),
        (
            lambda: transformer("timesformer"),
            4,
            "embeddings.patch_embeddings.projection",
            "layernorm",
        ),
        (
            lambda: transformer("vjepa2"),
            4,
            "encoder.embeddings.patch_embeddings.proj",
            "encoder.layernorm",
        ),
    ],
)
def test_backbones_declare_their_layers(backbone: Any, layers: int, first: str, last: str) -> None:
    made = backbone()
    declared = parameter_layers(made)
    assert declared.keys() == {name for name, _ in made.named_parameters()}
    assert sorted(set(declared.values())) == list(range(layers))
    start = "" if isinstance(made, ResNet3D) else "network."
    assert declared[f"{start}{first}.weight"] == 0
    assert declared[f"{start}{last}.weight"] == layers - 1


def test_flattened_features_of_timm_declare_nothing() -> None:
    backbone = TimmBackbone(model="swin_tiny_patch4_window7_224", out_index=1)
    backbone.network.model = None
    with pytest.raises(ConfigError, match="TimmBackbone does not declare the order of its layers"):
        parameter_layers(backbone)


@pytest.mark.parametrize(
    ("backbone", "named"),
    [
        (
            lambda: TimmBackbone(model="vit_tiny_patch16_224"),
            {"network.model.pos_embed", "network.model.cls_token"},
        ),
        (lambda: TimmBackbone(model="resnet18"), set()),
        (
            lambda: transformer("timesformer"),
            {
                f"network.embeddings.{name}"
                for name in ("cls_token", "position_embeddings", "time_embeddings")
            },
        ),
    ],
)
def test_backbones_name_what_has_no_weight_decay(backbone: Any, named: set[str]) -> None:
    made = backbone()
    there = {name for name, _ in made.named_parameters()}
    assert made.no_weight_decay() & there == named
