"""Wrappers of timm, torchvision and transformers beside the libraries' own networks."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from mmaction.errors import CheckpointError, ConfigError
from mmaction.models import STABN, TimmBackbone, TorchvisionBackbone, TransformersBackbone
from mmaction.models.backbones.libraries import import_library
from mmaction.models.backbones.over_time import TemporalShift
from mmaction.models.backbones.torchvision_backbone import MVITS, NAMES
from tests.tiny_transformers import SIZES, TRANSFORMERS

timm = import_library("timm", of="a test")
transformers = import_library("transformers", of="a test")
import_library("torchvision", of="a test")
from torchvision.models import get_model, get_model_weights  # noqa: E402

MIB_CLIP = (1, 3, 16, 224, 224)


def clips(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def assert_near(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n not in MVITS and n not in ("swin3d_s", "swin3d_b")]
)
@torch.no_grad()
def test_torchvisions_logits(name: str) -> None:
    torch.manual_seed(0)
    library = get_model(name).eval()
    backbone = TorchvisionBackbone(model=name).eval()
    backbone.network.load_state_dict(library.state_dict(), strict=False)
    inputs = clips(2, 3, 16, 64, 64)
    if name == "s3d":
        inputs = clips(1, 3, 16, 224, 224)
    features = backbone(inputs)
    assert features.shape[1] == backbone.out_channels
    assert inputs.shape[2] // features.shape[2] == backbone.temporal_stride
    assert inputs.shape[3] // features.shape[3] == backbone.spatial_stride
    pooled = library.avgpool(features)
    if name == "s3d":
        logits = library.classifier(pooled).mean(dim=(2, 3, 4))
    else:
        logits = getattr(library, "fc", None) or library.head
        logits = logits(pooled.flatten(1))
    assert_near(logits, library(inputs))


@pytest.mark.slow
@torch.no_grad()
def test_mvits_tokens_lie_over_time_and_picture() -> None:
    library = get_model("mvit_v1_b").eval()
    backbone = TorchvisionBackbone(model="mvit_v1_b").eval()
    backbone.network.load_state_dict(library.state_dict(), strict=False)
    seen: list[Tensor] = []
    library.norm.register_forward_hook(lambda _, inputs, output: seen.append(output))
    library(clips(*MIB_CLIP))
    features = backbone(clips(*MIB_CLIP))
    assert_near(features.flatten(2).transpose(1, 2), seen[0][:, 1:])
    with pytest.raises(ConfigError, match="takes clips of 16×224×224, these are 8×64×64"):
        backbone(clips(1, 3, 8, 64, 64))


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_as_many_as_published(name: str) -> None:
    with torch.device("meta"):
        library, backbone = get_model(name), TorchvisionBackbone(model=name)
    head = [
        v for k, v in library.named_parameters() if k.split(".")[0] in ("fc", "head", "classifier")
    ]
    own = sum(p.numel() for p in backbone.parameters())
    published = get_model_weights(name).DEFAULT.meta["num_params"]
    assert own + sum(p.numel() for p in head) == published


@torch.no_grad()
def test_timms_logits_frame_by_frame() -> None:
    torch.manual_seed(0)
    library = timm.create_model("resnet18").eval()
    backbone = TimmBackbone(model="resnet18").eval()
    state = {f"model.{k}": v for k, v in library.state_dict().items()}
    own = backbone.network.state_dict()
    assert own.keys() <= state.keys()
    backbone.network.load_state_dict(state, strict=False)
    inputs = clips(2, 3, 3, 64, 64)
    features = backbone(inputs)
    assert (backbone.out_channels, backbone.spatial_stride) == (512, 32)
    for frame in range(3):
        assert_near(library.forward_head(features[:, :, frame]), library(inputs[:, :, frame]))


@torch.no_grad()
def test_timms_vision_transformer_lays_its_tokens_out() -> None:
    options = dict(img_size=32)
    library = timm.create_model("vit_tiny_patch16_224", **options).eval()
    backbone = TimmBackbone(model="vit_tiny_patch16_224", model_options=options).eval()
    state = {f"model.{k}": v for k, v in library.state_dict().items()}
    backbone.network.load_state_dict(state, strict=False)
    inputs = clips(1, 3, 2, 32, 32)
    features = backbone(inputs)
    assert features.shape == (1, 192, 2, 2, 2)
    for frame in range(2):
        tokens = features[:, :, frame].flatten(2).transpose(1, 2)
        expected = library.forward_features(inputs[:, :, frame])[:, 1:]
        assert_near(library.norm(tokens), expected)


@torch.no_grad()
def test_videomaes_logits() -> None:
    torch.manual_seed(0)
    config = transformers.VideoMAEConfig(**SIZES, num_labels=5)
    library = transformers.VideoMAEForVideoClassification(config).eval()
    backbone = TransformersBackbone(model=TRANSFORMERS["videomae"]).eval()
    backbone.network.load_state_dict(library.videomae.state_dict())
    inputs = clips(2, 3, 8, 32, 32)
    tokens = backbone(inputs).flatten(2).transpose(1, 2)
    logits = library.classifier(library.fc_norm(tokens.mean(dim=1)))
    assert_near(logits, library(inputs.transpose(1, 2)).logits)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_each_cell_is_of_its_patch(name: str) -> None:
    """Without layers that mix tokens, a cell's gradient lies in its own frames and pixels."""
    model = dict(TRANSFORMERS[name], num_hidden_layers=0)
    backbone = TransformersBackbone(model=model).eval()
    inputs = clips(1, 3, 8, 32, 32).requires_grad_()
    features = backbone(inputs)
    step, pixels = backbone.temporal_stride, backbone.spatial_stride
    assert features.shape == (1, 32, 8 // step, 2, 2)
    t, row, column = 8 // step - 1, 0, 1
    features[0, :, t, row, column].pow(2).sum().backward()
    assert inputs.grad is not None
    changed = inputs.grad[0].abs().sum(0) > 0
    expected = torch.zeros_like(changed)
    expected[t * step : (t + 1) * step, :pixels, pixels : 2 * pixels] = True
    assert torch.equal(changed, expected)


@torch.no_grad()
def test_the_shift_is_tsms() -> None:
    images = clips(6, 8, 2, 2)  # two clips of three frames
    shift = TemporalShift(nn.Identity(), shift_div=4)
    shift.frames = 3
    found, frames = shift(images).unflatten(0, (2, 3)), images.unflatten(0, (2, 3))
    expected = torch.zeros_like(frames)
    for t in range(3):
        if t < 2:
            expected[:, t, :2] = frames[:, t + 1, :2]
        if t > 0:
            expected[:, t, 2:4] = frames[:, t - 1, 2:4]
        expected[:, t, 4:] = frames[:, t, 4:]
    assert torch.equal(found, expected)


@torch.no_grad()
@pytest.mark.parametrize("model", ["resnet18", "tf_efficientnet_lite0", "convnext_atto"])
def test_convolutions_over_time_start_as_identity(model: str) -> None:
    torch.manual_seed(0)
    plain = TimmBackbone(model=model).eval()
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # timm starts residuals at zero
    over_time = TimmBackbone(model=model, temporal="conv").eval()
    shifted = TimmBackbone(model=model, temporal="shift").eval()
    for other in (over_time, shifted):
        state = {k.replace(".inner.", "."): v for k, v in plain.state_dict().items()}
        own = {k: k.replace(".inner.", ".") for k in other.state_dict()}
        filled = {k: state[v] for k, v in own.items() if v in state}
        other.load_state_dict(filled, strict=False)
        assert len(filled) == len(state)
    inputs = clips(1, 3, 4, 32, 32)
    assert_near(over_time(inputs), plain(inputs))
    changed = (shifted(inputs) - plain(inputs)).abs().amax(dim=(0, 1, 3, 4))
    assert (changed > 0).all()  # every frame has a neighbour


def test_differences_are_appended() -> None:
    torch.manual_seed(0)
    plain = TimmBackbone(model="resnet18", out_index=2).eval()
    both = TimmBackbone(model="resnet18", out_index=2, differences=True).eval()
    both.load_state_dict(plain.state_dict())
    inputs = clips(2, 3, 3, 32, 32)
    maps, found = plain(inputs), both(inputs)
    assert both.out_channels == 2 * plain.out_channels == found.shape[1]
    assert torch.equal(found[:, :128], maps)
    assert not found[:, 128:, 0].any()
    for t in (1, 2):
        assert torch.equal(found[:, 128:, t], maps[:, :, t] - maps[:, :, t - 1])


BACKBONES: dict[str, dict[str, Any]] = {
    "timm": dict(type="TimmBackbone", model="resnet18", out_index=2),
    "timm, shift": dict(type="TimmBackbone", model="tf_efficientnet_lite0", temporal="shift"),
    "timm, tokens": dict(
        type="TimmBackbone", model="vit_tiny_patch16_224", model_options=dict(img_size=32)
    ),
    "torchvision": dict(type="TorchvisionBackbone", model="mc3_18"),
    "transformers": dict(type="TransformersBackbone", model=TRANSFORMERS["videomae"]),
}
BRANCHES: dict[str, dict[str, Any]] = {
    "published": {},
    "evidence": dict(
        attention_branch=dict(type="EvidenceBranch"), attention_mechanism=dict(gate="joint")
    ),
    "frozen": {},
}


@pytest.fixture(scope="module")
def process_group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    store = tmp_path_factory.mktemp("group") / "store"
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("branches", BRANCHES)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_combination_trains(process_group: None, backbone: str, branches: str) -> None:
    """Two steps alone and two under DDP, which refuses parameters without a gradient."""
    torch.manual_seed(0)
    config = dict(BACKBONES[backbone], frozen=branches == "frozen")
    options = {key: dict(value) for key, value in BRANCHES[branches].items()}
    model = STABN(num_classes=3, clip_len=8, backbone=config, **options)
    inputs, labels = clips(2, 3, 8, 32, 32), torch.tensor([0, 2])
    start = {name: value.clone() for name, value in model.named_parameters()}
    for network in (model, DistributedDataParallel(model)):
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
        network.train()
        for _ in range(2):
            out = network(inputs)
            losses = [F.cross_entropy(s, labels) for s in (out.scores, out.attention_scores)]
            torch.stack(losses).sum().backward()
            assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
            optimizer.step()
            optimizer.zero_grad()
    moved = {
        name for name, value in model.named_parameters() if not torch.equal(value, start[name])
    }
    of_backbone = {name for name in moved if name.startswith("backbone.")}
    assert moved - of_backbone
    assert bool(of_backbone) == (branches != "frozen")


def test_what_is_frozen_stays_in_eval_mode() -> None:
    whole = TimmBackbone(model="resnet18", out_index=2, frozen=True).train()
    assert not any(module.training for module in whole.modules())
    assert not any(parameter.requires_grad for parameter in whole.parameters())
    part = TimmBackbone(model="resnet18", out_index=2, frozen=["model.layer1"]).train()
    assert not part.network.model.layer1.training
    assert part.network.model.layer2.training
    named = {name for name, p in part.network.named_parameters() if not p.requires_grad}
    assert named
    assert all(name.startswith("model.layer1.") for name in named)
    norms = TimmBackbone(model="resnet18", out_index=2, norm_eval=True).train()
    assert {m.training for m in norms.modules() if isinstance(m, nn.BatchNorm2d)} == {False}
    with pytest.raises(ConfigError, match="no such layer; did you mean 'model.layer1'"):
        TimmBackbone(model="resnet18", frozen=["model.layer1x"])


@pytest.mark.parametrize("temporal", [None, "shift", "conv"])
@pytest.mark.parametrize("names", ["", "model.", "backbone.network.model."])
def test_weights_of_a_file_are_taken_when_training_begins(
    names: str, temporal: str | None, tmp_path: Path
) -> None:
    source, path = timm.create_model("resnet18"), tmp_path / "own.pth"
    torch.save({f"{names}{k}": v for k, v in source.state_dict().items()}, path)
    backbone = dict(type="TimmBackbone", model="resnet18", temporal=temporal, pretrained=str(path))
    model = STABN(num_classes=3, clip_len=4, backbone=backbone)
    model.init_weights()
    require_weights(model.backbone, source)


@pytest.mark.parametrize("temporal", [None, "shift"])
def test_the_librarys_own_weights_are_taken(temporal: str | None, tmp_path: Path) -> None:
    """As timm finds them: here in a file, where it would download one."""
    source, path = timm.create_model("resnet18"), tmp_path / "own.pth"
    torch.save(source.state_dict(), path)
    options = dict(pretrained_cfg_overlay=dict(file=str(path)))
    backbone = TimmBackbone(
        model="resnet18", temporal=temporal, pretrained=True, model_options=options
    )
    backbone.init_weights()
    require_weights(backbone, source)


def require_weights(backbone: TimmBackbone, source: nn.Module) -> None:
    state = source.state_dict()
    for name, value in backbone.network.state_dict().items():
        if ".over_time." not in name:
            assert torch.equal(value, state[name.removeprefix("model.").replace(".inner.", ".")])


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"other": torch.zeros(3)}, tmp_path / "other.pth")
    backbone = TimmBackbone(model="resnet18", pretrained=str(tmp_path / "other.pth"))
    with pytest.raises(CheckpointError, match="0 of the network's"):
        backbone.init_weights()


@pytest.mark.parametrize(
    ("model", "tokens"),
    [("resnet18", False), ("convnext_atto", False), ("vit_tiny_patch16_224", True)],
)
def test_a_transformers_features_are_tokens(model: str, tokens: bool) -> None:
    assert TimmBackbone(model=model).tokens == tokens


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (TimmBackbone, dict(model="resnet19"), "TimmBackbone model='resnet19'"),
        (TimmBackbone, dict(model="resnet18", temporal="lstm"), "temporal='lstm'"),
        (TorchvisionBackbone, dict(model="r3d_19"), "did you mean 'r3d_18'"),
        (TorchvisionBackbone, dict(model="r3d_18", weights="K400"), "weights='K400'"),
        (TransformersBackbone, dict(model=dict(model_type="bert")), "is a bert: expected one of"),
        (TransformersBackbone, dict(model="no/such/directory"), "no/such/directory"),
    ],
)
def test_what_there_is_not_is_named(kind: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        kind(**options)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_library_is_told_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "timm" else find(name)
    )
    with pytest.raises(ConfigError) as refusal:
        TimmBackbone(model="resnet18")
    assert str(refusal.value) == "backbone TimmBackbone needs timm: pip install timm"
