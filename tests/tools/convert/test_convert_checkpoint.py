from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmaction.checkpoint.compatibility import in_own_names
from mmaction.checkpoint.layouts import LAYOUTS
from mmaction.convert.conversion import AUTO
from mmaction.registry import MODELS
from tests.bomb import Bomb
from tests.conftest import load_tool
from tests.convert.zoo import ZOO, in_their_names

Run = Callable[..., Any]


@pytest.fixture
def marked(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """The tiny network's weights in a file that runs code where it is unpickled."""
    state = torch.load(tiny_checkpoint, weights_only=True)["state_dict"]
    torch.save({"state_dict": state, "x": Bomb(tmp_path / "ran")}, tmp_path / "marked.pth")
    return tmp_path / "marked.pth"


def test_code_runs_only_where_it_is_asked_to(
    marked: Path, tiny_config: Path, run_tool: Run, tmp_path: Path
) -> None:
    ended = run_tool("convert/convert_checkpoint", marked, tmp_path / "x.pth")
    assert "marked.pth: refused, it names posix.mkdir" in ended.error
    assert f"{marked} OUT.pth --trust" in ended.error
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "x.pth").exists()

    arguments = (marked, tmp_path / "x.pth", "--trust", "--config", tiny_config)
    ended = run_tool("convert/convert_checkpoint", *arguments)
    assert (ended.code, ended.err) == (0, "")
    assert (tmp_path / "ran").exists()
    ended = run_tool("test_recognizer", tiny_config, tmp_path / "x.pth")
    assert ended.code == 0


def test_what_is_said_of_a_file(tiny_checkpoint: Path, run_tool: Run, tmp_path: Path) -> None:
    state = torch.load(tiny_checkpoint, weights_only=True)["state_dict"]
    torch.save(state, tmp_path / "x.pth")
    out = tmp_path / "out.safetensors"
    ended = run_tool("convert/convert_checkpoint", tmp_path / "x.pth", out)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == f"{tmp_path / 'x.pth'}: this project's names"
    assert lines[-1] == f"{len(state)} weights  {out}"
    assert "# assumed: model.backbone" not in ended.out, "this project's own can have any"
    # What is printed of the config is Python.
    printed: dict[str, Any] = {}
    exec("\n".join(lines[2:-1]), printed)
    assert printed["model"]["backbone"]["depth"] == 10
    assert printed["model"]["num_classes"] == 3


def test_safetensors_are_used_like_any_checkpoint(
    tiny_checkpoint: Path,
    tiny_config: Path,
    tiny_data: Path,
    make_config: Callable[..., Path],
    run_tool: Run,
    tmp_path: Path,
) -> None:
    out = tmp_path / "x.safetensors"
    assert run_tool("convert/convert_checkpoint", tiny_checkpoint, out).code == 0
    expected = run_tool("test_recognizer", tiny_config, tiny_checkpoint)
    ended = run_tool("test_recognizer", tiny_config, out)
    assert (ended.code, ended.out.splitlines()[-1]) == (0, expected.out.splitlines()[-1])
    ended = run_tool("train_recognizer", tiny_config, "--load_from", out, "--no-validate")
    assert (ended.code, ended.err) == (0, "")

    ended = run_tool("train_recognizer", tiny_config, "--resume-from", out)
    assert "x.safetensors: can't be resumed" in ended.error

    # Its backbone into a network without branches, as pretrained weights.
    state = torch.load(tiny_checkpoint, weights_only=True)["state_dict"]
    text = (
        "model = dict(type='Recognizer3D', num_classes=3, clip_len=4, backbone=dict("
        f"type='ResNet3D', depth=10, base_channels=4, num_stages=3, pretrained={str(out)!r}))\n"
        "optim_wrapper['optimizer'] = dict(type='SGD', lr=0.0)"
    )
    ended = run_tool("train_recognizer", make_config(tiny_data, text), "--no-validate")
    assert ended.code == 0, ended.err
    trained = torch.load(tmp_path / "work/epoch_1.pth", weights_only=True)["state_dict"]
    name = "backbone.layer3.0.conv1.weight"
    assert torch.equal(trained[name], state[name])


def test_each_weight_of_a_public_checkpoint_is_accounted_for(run_tool: Run, tmp_path: Path) -> None:
    zoo, out = ZOO["TSM"], tmp_path / "x.pth"
    network = MODELS.build(dict(zoo.network, clip_len=8))
    theirs = in_their_names(network.state_dict(), zoo.names)
    theirs = {n: v.squeeze(2) if v.ndim == 5 else v for n, v in theirs.items()}
    kept = {**theirs, "data_preprocessor.mean": torch.zeros(3, 1, 1)}
    torch.save({"state_dict": kept}, tmp_path / "theirs.pth")
    ended = run_tool("convert/convert_checkpoint", tmp_path / "theirs.pth", out, "--keys")
    assert (ended.code, ended.err) == (0, "")
    told = "left out, as normalisation is said by the config: data_preprocessor.mean.* (1)"
    assert told in ended.out.splitlines()
    listed = dict(line.split(" -> ") for line in ended.out.splitlines() if " -> " in line)
    assert listed.keys() == theirs.keys()
    conv = "backbone.layer1.0.conv1.conv.net.weight"
    assert listed[conv] == "backbone.layer1.0.conv1.weight"
    # Not converted, the same weights are used as they are read.
    weights, said = in_own_names(network, dict(state_dict=kept), "theirs.pth")
    network.load_state_dict(weights["state_dict"])
    assert said is not None
    assert "1 left out: normalisation" in said

    del theirs["backbone.layer2.1.conv2.conv.weight"]
    torch.save(theirs, tmp_path / "short.pth")
    ended = run_tool("convert/convert_checkpoint", tmp_path / "short.pth", tmp_path / "y.pth")
    assert "layer2.1.conv2.weight is missing" in ended.error
    torch.save({"backbone.slow_path.conv1.conv.weight": torch.zeros(1)}, tmp_path / "slow.pth")
    ended = run_tool("convert/convert_checkpoint", tmp_path / "slow.pth", tmp_path / "y.pth")
    assert "no network here has the two pathways of SlowFast" in ended.error
    assert not (tmp_path / "y.pth").exists()


def test_the_layouts_offered_are_those_there_are() -> None:
    module = load_tool("convert/convert_checkpoint")
    assert list(module.LAYOUTS) == [AUTO, *LAYOUTS]
