from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mmaction.checkpoint.safetensors_files import write_safetensors
from mmaction.errors import CheckpointError
from mmaction.models import STABN, ResNet3D
from mmaction.models.backbones.pretrained import inflate


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


def test_safetensors_serve_as_well(imagenet: tuple[Path, dict[str, Tensor]]) -> None:
    """As image libraries publish their weights today."""
    path, state = imagenet
    write_safetensors(path.with_suffix(".safetensors"), state)
    nets = [
        ResNet3D(depth=50, base_channels=4, pretrained=str(path.with_suffix(suffix)))
        for suffix in (".pth", ".safetensors")
    ]
    for net in nets:
        net.init_weights()
    for name, value in nets[0].state_dict().items():
        assert torch.equal(nets[1].state_dict()[name], value)


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


def test_another_width_is_refused_by_key_and_shape(imagenet: tuple[Path, dict]) -> None:
    net = ResNet3D(depth=50, base_channels=8, pretrained=str(imagenet[0]))
    with pytest.raises(
        CheckpointError, match=r"stem.conv.weight is \(4, 3, 7, 7\).*\(8, 3, 1, 7, 7\)"
    ):
        net.init_weights()


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint", {"a": 1}])
def test_unusable_files_are_named(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    net = ResNet3D(depth=18, base_channels=4, pretrained=str(path))
    with pytest.raises(CheckpointError, match="weights.pth"):
        net.init_weights()


@pytest.mark.parametrize("state", ["absent", "broken"])
def test_a_missing_or_broken_torchvision_costs_one_warning(tmp_path: Path, state: str) -> None:
    """In a process of its own: what is imported can't be taken back."""
    if state == "broken":
        package = tmp_path / "torchvision"
        package.mkdir()
        (package / "__init__.py").write_text(
            "raise RuntimeError('operator torchvision::nms does not exist')\n"
        )
        prepare = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    else:
        prepare = """
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torchvision":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NotInstalled())
"""
    code = f"""
{prepare}
import warnings, torch
from mmaction.models import ResNet3D
torch.manual_seed(0)
net = ResNet3D(depth=18, base_channels=4, pretrained='torchvision://resnet18')
before = net.layer1[0].conv1.weight.clone()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    net.init_weights()
messages = [str(w.message) for w in caught if 'torchvision' in str(w.message)]
assert len(messages) == 1, messages
assert 'random weights' in messages[0], messages
assert torch.equal(before, net.layer1[0].conv1.weight)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
