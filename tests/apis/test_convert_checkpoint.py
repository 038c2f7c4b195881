from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmaction.apis import load_config
from mmaction.apis.convert_checkpoint import convert_checkpoint
from mmaction.apis.recognizer import load_recognizer
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.errors import CheckpointError, ConfigError, UserError
from tests.convert.conftest import REIMPLEMENTATION, random_st_abn, resnet3d
from tests.convert.zoo import MMACTION, in_their_names

__all__ = ["resnet3d"]
MakeConfig = Callable[..., Path]


def same_weights(path: Path, expected: dict[str, Any]) -> bool:
    got = read_checkpoint(path)["state_dict"]
    return got.keys() == expected.keys() and all(torch.equal(got[n], expected[n]) for n in got)


@pytest.fixture
def weights(tiny_checkpoint: Path) -> dict[str, Any]:
    return read_checkpoint(tiny_checkpoint)["state_dict"]


@pytest.mark.parametrize("name", ["new/x.pth", "new/x.safetensors"])
def test_both_kinds_are_written_and_read(
    name: str, tiny_checkpoint: Path, tiny_config: Path, weights: dict[str, Any], tmp_path: Path
) -> None:
    cfg = load_config(tiny_config)
    found = convert_checkpoint(tiny_checkpoint, tmp_path / name, cfg=cfg)
    assert found.layout.name == "plain"
    assert same_weights(tmp_path / name, weights)
    meta = read_checkpoint(tmp_path / name)["meta"]
    assert (meta["source"], meta["layout"]) == (tiny_checkpoint.name, "plain")
    assert json.loads(meta["assumes"])["attention_branch.spatial_stride"] == 1
    again = tmp_path / "again.pth"
    convert_checkpoint(tmp_path / name, again)
    assert same_weights(again, weights)


def test_nothing_is_written_that_does_not_fit_the_config(
    tiny_checkpoint: Path, tiny_data: Path, make_config: MakeConfig, tmp_path: Path
) -> None:
    out = tmp_path / "x.pth"
    out.write_text("old")
    wider = make_config(tiny_data, "model['backbone']['base_channels'] = 6", name="wider.py")
    with pytest.raises(
        CheckpointError, match=r"backbone\.stem\.conv\.weight is \(4, 3, .*\) there, \(6, 3, "
    ):
        convert_checkpoint(tiny_checkpoint, out, cfg=load_config(wider))
    assert out.read_text() == "old"
    assert not any(name.endswith("x.pth") and name != "x.pth" for name in os.listdir(tmp_path))


def test_another_last_relu_than_the_configs_is_refused(tiny_config: Path, tmp_path: Path) -> None:
    state = random_st_abn(10, inflate=(1, 1, 1, 1))
    theirs = in_their_names(state, REIMPLEMENTATION)
    torch.save({"model_state_dict": theirs}, tmp_path / "theirs.pth")
    own = {"model.backbone.inflate": [1, 1, 1, 1]}
    with pytest.raises(
        ConfigError,
        match=r"is for model\.attention_mechanism\.final_relu=False, the config says True",
    ):
        convert_checkpoint(
            tmp_path / "theirs.pth", tmp_path / "x.pth", cfg=load_config(tiny_config, own)
        )
    assert not (tmp_path / "x.pth").exists()
    cfg = load_config(tiny_config, own | {"model.attention_mechanism.final_relu": False})
    found = convert_checkpoint(tmp_path / "theirs.pth", tmp_path / "x.pth", cfg=cfg)
    assert found.state.keys() == state.keys()
    assert same_weights(tmp_path / "x.pth", state)


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("x.pkl", r"x\.pkl: expected a name that ends in \.pth or \.safetensors"),
        ("folder.pth", r"folder\.pth: expected the name of a new file"),
        ("same.pth", r"same\.pth: expected the name of a new file"),
        ("file/x.pth", r"output directory='.*file' can't be written to"),
    ],
)
def test_where_nothing_can_be_written(
    out: str, expected: str, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "same.pth").symlink_to(tiny_checkpoint)
    before = tiny_checkpoint.read_bytes()
    with pytest.raises(UserError, match=expected):
        convert_checkpoint(tiny_checkpoint, tmp_path / out)
    assert tiny_checkpoint.read_bytes() == before


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_loading_compares_what_was_assumed(
    suffix: str, resnet3d: Any, tiny_data: Path, make_config: MakeConfig, tmp_path: Path
) -> None:
    """MMAction's networks have all kinds of strides: assumed, or said by a config."""
    torch.save({"state_dict": in_their_names(resnet3d, MMACTION)}, tmp_path / "theirs.pth")
    network = (
        "model = dict(type='Recognizer3D', num_classes=3, clip_len=4, backbone=dict("
        "type='ResNet3D', depth=18, base_channels=8, spatial_strides={}))"
    )
    default = load_config(make_config(tiny_data, network.format((1, 2, 2, 2))))
    other = load_config(make_config(tiny_data, network.format((1, 2, 2, 1))))
    out = tmp_path / f"x{suffix}"
    found = convert_checkpoint(tmp_path / "theirs.pth", out)
    assert found.assumes["backbone.spatial_strides"] == [1, 2, 2, 2]
    load_recognizer(default, out)
    told = r"spatial_strides=\[1, 2, 2, 2\], the config says \[1, 2, 2, 1\].*with --config"
    with pytest.raises(ConfigError, match=told):
        load_recognizer(other, out)
    # Converted once more, it still is what it was taken for.
    convert_checkpoint(out, tmp_path / f"again{suffix}")
    with pytest.raises(ConfigError, match=told.removesuffix(".*with --config")):
        load_recognizer(other, tmp_path / f"again{suffix}")
    convert_checkpoint(tmp_path / "theirs.pth", out, cfg=other)
    load_recognizer(other, out)
    with pytest.raises(ConfigError, match=r"=\[1, 2, 2, 1\], the config says \[1, 2, 2, 2\]"):
        load_recognizer(default, out)
    # Not converted at all.
    load_recognizer(other, tmp_path / "theirs.pth")
