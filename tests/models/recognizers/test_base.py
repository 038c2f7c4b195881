from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from mmengine.model import BaseModule, Sequential
from torch import nn

from mmaction.errors import ConfigError, DataError
from mmaction.models import STABN, Recognizer3D
from mmaction.models.backbones.libraries import import_library
from mmaction.structures import ClipSample


def test_score_average_is_the_mean_of_logits(make_plain) -> None:
    torch.manual_seed(0)
    model = make_plain(average_views="score").eval()
    clips = torch.randn(4, 3, 4, 32, 32)
    results = model(clips, samples=["a", "b"], mode="predict")
    logits = model(clips).scores
    torch.testing.assert_close(results[1].scores, (logits[2] + logits[3]) / 2)


def test_one_label_a_video_serves_all_its_views(make_plain) -> None:
    torch.manual_seed(0)
    model = make_plain().eval()
    clips = torch.randn(4, 3, 4, 32, 32)
    twice = model(clips, labels=torch.tensor([1, 2]), mode="loss")
    spelt = model(clips, labels=torch.tensor([1, 1, 2, 2]), mode="loss")
    assert torch.equal(twice["loss_perception"], spelt["loss_perception"])


def test_wrong_input_is_refused(make_plain) -> None:
    model = make_plain()
    with pytest.raises(ValueError, match="B×3×T×H×W"):
        model(torch.zeros(1, 4, 32, 32))
    with pytest.raises(ValueError, match="'tensor', 'loss' or 'predict'"):
        model(torch.zeros(1, 3, 4, 32, 32), mode="train")
    with pytest.raises(DataError, match="labels"):
        model(torch.zeros(1, 3, 4, 32, 32), mode="loss")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (dict(num_classes=0), "model.num_classes=0"),
        (dict(clip_len=2.5), "model.clip_len=2.5"),
        (dict(average_views="max"), "average_views='max'"),
        (dict(max_views=0), "model.max_views=0"),
    ],
)
def test_wrong_arguments_are_named(make_plain, wrong: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        make_plain(**wrong)


def test_views_in_chunks_give_the_same_results(make_st_abn) -> None:
    """Chunks cut through videos, and no more than one goes through the network at once."""
    torch.manual_seed(0)
    videos, views = 3, 5
    batch = {
        "inputs": torch.randint(0, 256, (videos, views, 4, 32, 32, 3), dtype=torch.uint8),
        "color": torch.randn(videos, 3, 4) / 10 + torch.eye(3, 4),
        "samples": [ClipSample(n, f"video {n}", n, np.zeros((views, 4))) for n in range(videos)],
    }
    torch.manual_seed(1)
    expected = make_st_abn().eval().test_step(batch)
    for max_views in (1, 4, 15, 100):
        torch.manual_seed(1)
        model = make_st_abn(max_views=max_views).eval()
        sizes: list[int] = []
        model.backbone.register_forward_pre_hook(lambda _, args, to=sizes: to.append(len(args[0])))
        for results in (
            model.test_step(batch),
            model(**model.data_preprocessor(batch), mode="predict"),
        ):
            for result, one in zip(results, expected, strict=True):
                assert result.sample is one.sample
                for name in ("scores", "attention_scores"):
                    torch.testing.assert_close(
                        getattr(result, name), getattr(one, name), rtol=0, atol=1e-6
                    )
                for name in ("spatial_attention", "temporal_attention"):
                    torch.testing.assert_close(
                        getattr(result, name), getattr(one, name), rtol=0, atol=2e-5
                    )
        assert max(sizes) <= max_views
        assert sum(sizes) == 2 * videos * views


class Pooling(nn.Module):
    """The least of a backbone: features that are the clip, coarser."""

    def __init__(self, *, out_channels: int | None = 3, stride: int = 1, declared: bool = False):
        super().__init__()
        self.stride = stride
        if out_channels is not None:
            self.out_channels = out_channels
        if declared:
            self.temporal_stride = stride

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool3d(clips, (self.stride, 8, 8), ceil_mode=True)


def with_backbone(kind: type, backbone: type, *, stage_channels: int = 3, **arguments: object):
    stage = dict(type="PointwiseStage", in_channels=stage_channels, out_channels=4)
    branches = dict(attention_branch=dict(stage=stage), perception_branch=dict(stage=stage))
    return kind(
        num_classes=5,
        clip_len=5,
        backbone=dict(type=backbone, **arguments),
        **(branches if kind is STABN else {}),
    )


@pytest.mark.parametrize("kind", [STABN, Recognizer3D])
def test_a_backbone_declares_its_channels_and_no_more(kind: type) -> None:
    model = with_backbone(kind, Pooling)
    assert model(torch.randn(2, 3, 5, 32, 32)).scores.shape == (2, 5)
    with pytest.raises(ConfigError, match=r"Pooling has out_channels=None: .* as out_channels"):
        with_backbone(kind, Pooling, out_channels=None)
    other = with_backbone(kind, Pooling, out_channels=4, stage_channels=4)
    with pytest.raises(ConfigError, match=r"gives 2×3×5×4×4, not B×4.*out_channels \(now 4\)"):
        other(torch.randn(2, 3, 5, 32, 32))


def test_a_backbone_with_a_temporal_stride_declares_it() -> None:
    out = with_backbone(STABN, Pooling, stride=2, declared=True)(torch.randn(2, 3, 5, 32, 32))
    assert out.temporal_attention.shape == (2, 5)
    undeclared = with_backbone(STABN, Pooling, stride=2)
    with pytest.raises(
        ConfigError, match=r"gives 2×3×3×4×4, not B×3×5×H×W: .* temporal_stride \(now 1\)"
    ):
        undeclared(torch.randn(2, 3, 5, 32, 32))


def test_a_backbone_that_gives_levels_is_told_so() -> None:
    class Levels(Pooling):
        def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (super().forward(clips),)

    with pytest.raises(ConfigError, match="Levels gives a tuple, not B×3×T×H×W"):
        with_backbone(Recognizer3D, Levels)(torch.randn(2, 3, 5, 32, 32))


class Drawing(nn.Module):
    """As many libraries' networks: draws weights when it is made, and anew by ``init_weights``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def init_weights(self, mode: str = "") -> None:
        nn.init.normal_(self.conv.weight)


def of_torch() -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2)


def of_mmengine() -> nn.Module:
    return Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def of_mmcv() -> nn.Module:
    return pytest.importorskip("mmcv.cnn").ConvModule(3, 4, 3, norm_cfg=dict(type="BN"))


def of_mmcv_resnet() -> nn.Module:
    return pytest.importorskip("mmcv.cnn").ResNet(18)


def of_timm() -> nn.Module:
    return import_library("timm", of="a test").create_model("vit_tiny_patch16_224")


def of_transformers() -> nn.Module:
    library = import_library("transformers", of="a test")
    size = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8)
    return library.ViTModel(library.ViTConfig(**size))


class Loaded(BaseModule):
    """A library's network, its weights loaded, within mmengine's kind of module."""

    out_channels = 3

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.network = make()
        with torch.no_grad():
            for parameter in self.network.parameters():
                parameter.fill_(0.5)


class LoadedItself(Drawing):
    """A library's network made a backbone by inheritance, its weights loaded."""

    out_channels = 4

    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.conv.weight, 0.5)
        nn.init.constant_(self.conv.bias, 0.5)


@pytest.mark.parametrize(
    "make", [Drawing, of_torch, of_mmengine, of_mmcv, of_mmcv_resnet, of_timm, of_transformers]
)
def test_what_brought_its_own_weights_keeps_them(make: Callable[[], nn.Module]) -> None:
    model = Recognizer3D(num_classes=5, clip_len=5, backbone=dict(type=Loaded, make=make))
    model.init_weights()
    weights = list(model.backbone.parameters())
    assert weights
    assert sum(bool((w == 0.5).all()) for w in weights) == len(weights)


def test_a_backbone_that_inherits_from_a_library_keeps_its_weights_too() -> None:
    model = Recognizer3D(num_classes=5, clip_len=5, backbone=dict(type=LoadedItself))
    model.init_weights()
    assert (model.backbone.conv.weight == 0.5).all()


def test_a_backbone_that_defines_how_its_weights_start_is_asked() -> None:
    class Own(LoadedItself):
        def init_weights(self) -> None:
            nn.init.constant_(self.conv.weight, 2)

    model = Recognizer3D(num_classes=5, clip_len=5, backbone=dict(type=Own))
    model.init_weights()
    assert (model.backbone.conv.weight == 2).all()
