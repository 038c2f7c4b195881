from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.logging import MMLogger
from torch import Tensor, nn

from mmaction.convert.conversion import convert
from mmaction.errors import CheckpointError
from mmaction.models import STABN, ResNet3D
from mmaction.models.backbones.pretrained import inflate
from mmaction.registry import MODELS
from tests.convert.conftest import public, resnet3d
from tests.convert.zoo import MMACTION2, in_their_names, resnet

__all__ = ["public", "resnet3d"]


def weights_2d(net: ResNet3D) -> dict[str, Tensor]:
    """What a 2D ResNet of the same widths would hold, by torchvision's names."""
    state = {}
    for name, value in net.state_dict().items():
        name = re.sub(r"^stem\.(conv|bn)\.", r"\g<1>1.", name)
        if value.ndim == 5:
            value = torch.randn(value.shape[:2] + value.shape[3:])
        elif value.is_floating_point():
            value = torch.rand_like(value)
        state[name] = value
    return {**state, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


@pytest.fixture
def imagenet(tmp_path: Path) -> tuple[Path, dict[str, Tensor]]:
    torch.manual_seed(0)
    state = weights_2d(ResNet3D(depth=50, base_channels=4))
    torch.save(state, tmp_path / "resnet.pth")
    return tmp_path / "resnet.pth", state


def test_an_inflated_kernel_answers_a_still_clip_as_the_2d_one_does() -> None:
    torch.manual_seed(0)
    kernel = torch.randn(5, 4, 3, 3)
    image = torch.randn(1, 4, 8, 8)
    inflated = inflate(kernel, torch.Size((5, 4, 3, 3, 3)))
    clip = image.unsqueeze(2).expand(-1, -1, 5, -1, -1)
    got = nn.functional.conv3d(clip, inflated, padding=(0, 1, 1))
    expected = nn.functional.conv2d(image, kernel, padding=1)
    for t in range(3):
        torch.testing.assert_close(got[:, :, t], expected, rtol=1e-4, atol=1e-4)


def test_2d_weights_reach_stem_and_stages(imagenet: tuple[Path, dict[str, Tensor]]) -> None:
    path, state = imagenet
    net = ResNet3D(depth=50, base_channels=4, pretrained=str(path))
    net.init_weights()
    stem = net.stem.conv.weight
    torch.testing.assert_close(stem, state["conv1.weight"].unsqueeze(2))
    inflated = net.layer3[0].conv1.weight
    assert inflated.shape[2] == 3
    for tap in range(3):
        torch.testing.assert_close(inflated[:, :, tap], state["layer3.0.conv1.weight"] / 3)
    torch.testing.assert_close(net.layer4[2].bn3.running_var, state["layer4.2.bn3.running_var"])


def test_both_branches_of_st_abn_get_the_fourth_stage(
    imagenet: tuple[Path, dict[str, Tensor]],
) -> None:
    path, state = imagenet
    backbone = dict(type="ResNet3D", depth=50, base_channels=4, num_stages=3, pretrained=str(path))
    model = STABN(num_classes=3, clip_len=2, backbone=backbone)
    model.init_weights()
    for branch in (model.attention_branch, model.perception_branch):
        torch.testing.assert_close(
            branch.stage[1].conv3.weight[:, :, 0], state["layer4.1.conv3.weight"]
        )


def test_3d_weights_are_taken_as_they_are(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = ResNet3D(depth=18, base_channels=4)
    state = {f"backbone.{k}": v for k, v in source.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "r18.pth")
    net = ResNet3D(depth=18, base_channels=4, pretrained=str(tmp_path / "r18.pth"))
    net.init_weights()
    for name, value in source.state_dict().items():
        assert torch.equal(net.state_dict()[name], value)


@pytest.mark.parametrize("which", ["original", "reimplementation", "own"])
def test_the_backbone_of_a_whole_st_abn(
    which: str, public: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By other code's names or this project's: both branches get the perception branch's stage."""
    source = public["reimplementation" if which == "own" else which]
    expected = convert(source.state, source="x.pth")
    content = expected.state if which == "own" else source.content
    torch.save(content, tmp_path / "theirs.pth")
    assert expected.settings is not None
    expected.settings["backbone"]["pretrained"] = str(tmp_path / "theirs.pth")
    model = MODELS.build(expected.settings)
    MMLogger.get_instance(f"pretrained_{which}")
    model.init_weights()
    own = model.state_dict()
    for name, value in expected.state.items():
        if name.startswith(("backbone.", "perception_branch.stage.")):
            assert torch.equal(own[name], value), name
            same = name.replace("perception_branch.", "attention_branch.")
            assert torch.equal(own[same], value), name
    told = capsys.readouterr().out.count("theirs.pth': the ")
    assert told == (0 if which == "own" else 1)


def test_the_backbone_of_mmactions_networks(resnet3d: dict[str, Tensor], tmp_path: Path) -> None:
    """Of three dimensions, and of two as TSN's, by MMAction2's names."""
    for two in (False, True):
        state = in_their_names(resnet3d, MMACTION2)
        if two:
            state = {n: v.sum(2) if v.ndim == 5 else v for n, v in state.items()}
        torch.save({"state_dict": state}, tmp_path / f"{two}.pth")
        net = MODELS.build(resnet(18) | dict(pretrained=str(tmp_path / f"{two}.pth")))
        net.init_weights()
        for name, value in net.state_dict().items():
            wanted = resnet3d[f"backbone.{name}"]
            if two and value.ndim == 5:
                wanted = wanted.mean(2, keepdim=True).expand_as(value)
            torch.testing.assert_close(value, wanted)


def test_another_width_is_refused_by_key_and_shape(imagenet: tuple[Path, dict]) -> None:
    net = ResNet3D(depth=50, base_channels=8, pretrained=str(imagenet[0]))
    with pytest.raises(
        CheckpointError, match=r"stem.conv.weight is \(4, 3, 7, 7\).*\(8, 3, 1, 7, 7\)"
    ):
        net.init_weights()


TORCHVISION = """
import enum, urllib.error, torch
offline = False
class ResNet18_Weights(enum.Enum):
    IMAGENET1K_V1 = "1"
    IMAGENET1K_V2 = "2"
    DEFAULT = "2"
    def get_state_dict(self, **kwargs):
        if offline:
            raise urllib.error.URLError("no network")
        assert kwargs["check_hash"]
        return torch.load({folder!r} + self.value + ".pth", weights_only=True)
def get_model_weights(name):
    if name != "resnet18":
        raise ValueError("Unknown model " + name)
    return ResNet18_Weights
"""
# Names, whether there is no network, and the version that is loaded or a part of what is said.
ASKED = [
    ("resnet18", False, "1"),
    ("resnet18.imagenet1k_v1", False, "1"),
    ("resnet18.IMAGENET1K_V2", False, "2"),
    ("resnet18.imagenet1k_v3", False, "did you mean 'resnet18.imagenet1k_v"),
    ("resnet81", False, "torchvision has no 'resnet81'"),
    ("resnet18", True, "no network>): give the path of a downloaded file, or None"),
]


def test_which_of_torchvisions_weights(tmp_path: Path) -> None:
    """Its interface written down, with small weights: in a process of its own, and no download."""
    for version in ("1", "2"):
        torch.manual_seed(int(version))
        state = weights_2d(ResNet3D(depth=18, base_channels=4))
        torch.save(state, tmp_path / f"{version}.pth")
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision/__init__.py").touch()
    (tmp_path / "torchvision/models.py").write_text(TORCHVISION.format(folder=f"{tmp_path}/"))
    code = f"""
import json, sys, torch
sys.path.insert(0, {str(tmp_path)!r})
import torchvision.models
from mmaction.errors import UserError
from mmaction.models import ResNet3D
answers = []
for name, torchvision.models.offline, _ in {ASKED!r}:
    net = ResNet3D(depth=18, base_channels=4, pretrained=f'torchvision://{{name}}')
    try:
        net.init_weights()
    except UserError as e:
        answers.append(str(e))
        continue
    for version in "12":
        state = torch.load({str(tmp_path)!r} + f"/{{version}}.pth", weights_only=True)
        if torch.equal(net.stem.conv.weight[:, :, 0], state["conv1.weight"]):
            answers.append(version)
print(json.dumps(answers))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)
    answers = json.loads(done.stdout.splitlines()[-1])  # mmengine lists the weights before it
    for (name, _, expected), answer in zip(ASKED, answers, strict=True):
        if len(expected) == 1:
            assert answer == expected
        else:
            assert answer.startswith(f"pretrained='torchvision://{name}'")
            assert expected in answer


def test_torchvision_itself_has_both() -> None:
    models = pytest.importorskip("torchvision.models", exc_type=(ImportError, RuntimeError))
    assert {"IMAGENET1K_V1", "IMAGENET1K_V2"} <= set(models.ResNet50_Weights.__members__)
