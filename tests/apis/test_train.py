from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config

from mmaction import apis
from mmaction.apis import load_config, train
from mmaction.apis.train import apply_train_options, check_data
from mmaction.errors import ConfigError, DataError, UserError
from mmaction.models import TimmBackbone

MakeConfig = Callable[..., Path]
R10 = dict(type="ResNet3D", depth=10, num_stages=3, base_channels=4)


def test_the_same_name_in_another_root_is_another_video(
    own_data: Path, make_config: MakeConfig
) -> None:
    """As in Kinetics, whose splits lie in directories of their own."""
    cfg = load_config(make_config(own_data))
    for split in ("train", "val"):
        dataset = cfg[f"{split}_dataloader"].dataset
        dataset.data_root = str(own_data / "frames" / split)
        lines = "video 0 6 0\nvideo 1 6 1\n"
        (own_data / f"{split}.txt").write_text(lines)
    check_data(cfg)
    cfg.val_dataloader.dataset.data_root = cfg.train_dataloader.dataset.data_root
    with pytest.raises(DataError, match="2 of 2 validation videos are also trained on"):
        check_data(cfg)


@pytest.mark.parametrize("enable", [False, True])
def test_linear_scaling_is_told_and_on_demand_applied(
    enable: bool,
    make_config: MakeConfig,
    tiny_data: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = {"auto_scale_lr.enable": enable, "auto_scale_lr.base_batch_size": 8}
    runner = train(load_config(make_config(tiny_data), options))
    [line] = re.findall(r"2 clips a step.*", capsys.readouterr().out)
    assert "lr 0.01 is for 8, linear scaling makes it 0.0025" in line
    assert ("not applied" in line) != enable
    used = runner.message_hub.get_scalar("train/lr").data[0]
    assert used[0] == pytest.approx(0.0025 if enable else 0.01)


def test_linear_scaling_reaches_the_peak_of_one_cycle(
    make_config: MakeConfig, tiny_data: Path
) -> None:
    config = make_config(
        tiny_data,
        "param_scheduler = [dict(type='OneCycleLR', eta_max=0.01, total_steps=4, pct_start=0.5,"
        " by_epoch=False)]",
    )
    options = {"auto_scale_lr.enable": True, "auto_scale_lr.base_batch_size": 8}
    runner = train(load_config(config, {**options, "train_cfg.max_epochs": 2}))
    used = runner.message_hub.get_scalar("train/lr").data[0]
    assert max(used) == pytest.approx(0.0025)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto_scale_lr = dict(enable=True)", "auto_scale_lr.base_batch_size is missing"),
        (
            "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD'))\n"
            "auto_scale_lr = dict(enable=True, base_batch_size=8)",
            "optim_wrapper.optimizer.lr is missing",
        ),
    ],
)
def test_a_rate_without_its_batch(
    text: str, expected: str, make_config: MakeConfig, tiny_data: Path
) -> None:
    with pytest.raises(ConfigError, match=expected):
        train(load_config(make_config(tiny_data, text)))


def test_scaling_need_not_be_told(
    make_config: MakeConfig, tiny_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(load_config(make_config(tiny_data, "auto_scale_lr = None")))
    assert re.search(r"2 clips a step \(1 process\(es\) × 2\)$", capsys.readouterr().out, re.M)


@pytest.mark.parametrize("workers", ["num_workers=0", "num_workers=0, prefetch_factor=2"])
def test_no_workers(workers: str, make_config: MakeConfig, tiny_data: Path) -> None:
    """Whatever the config says of the workers that there are not."""
    text = f"train_dataloader.update(persistent_workers=True, {workers})"
    assert train(load_config(make_config(tiny_data, text))).epoch == 1


def test_a_batch_larger_than_the_data(make_config: MakeConfig, tiny_data: Path) -> None:
    config = make_config(tiny_data, "train_dataloader.update(batch_size=8, drop_last=True)")
    with pytest.raises(ConfigError, match="batch_size=8 with drop_last leaves no batch of 4 vid"):
        train(load_config(config))


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        (R10 | dict(pretrained="no.pth"), r"pretrained='no\.pth'.*no such file"),
        (
            R10 | dict(pretrained="torchvision://resnet18"),
            "pretrained='torchvision://resnet18'.*can't be downloaded",
        ),
        (dict(type="TimmBackbone", model="resnet18", pretrained="no.pth"), "no.pth: no such file"),
        (dict(type="TorchvisionBackbone", model="r3d_18", pretrained=True), "can't be had"),
        (dict(type="TimmBackbone", model="resnet19"), "model='resnet19'"),
    ],
)
def test_what_a_backbone_can_t_have_is_told_before_anything_is_made(
    backbone: dict[str, Any],
    expected: str,
    make_config: MakeConfig,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if backbone.get("pretrained") == "torchvision://resnet18":
        pytest.importorskip("torchvision", exc_type=(ImportError, RuntimeError))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nothing listens
    config = make_config(tiny_data, f"model['backbone'] = {backbone!r}")
    with pytest.raises(UserError, match=expected) as refusal:
        train(load_config(config))
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "work").exists()


def test_weights_of_a_library_are_asked_for_at_the_start_alone(
    make_config: MakeConfig, tiny_data: Path, tmp_path: Path
) -> None:
    """Neither a resume nor a start from a checkpoint nor a test misses the file."""
    weights = tmp_path / "weights.pth"
    backbone = dict(type="TimmBackbone", model="resnet18", out_index=1, pretrained=str(weights))
    torch.save(TimmBackbone(model="resnet18", out_index=1).network.state_dict(), weights)
    config = make_config(tiny_data, f"model['backbone'] = {backbone!r}")
    train(load_config(config))
    weights.unlink()
    checkpoint = str(tmp_path / "work/epoch_1.pth")
    options = {"resume_from": checkpoint, "train_cfg.max_epochs": 2}
    assert train(load_config(config, options)).epoch == 2
    started = {"load_from": checkpoint, "work_dir": str(tmp_path / "started")}
    assert train(load_config(config, started)).epoch == 1
    assert apis.test(load_config(config), checkpoint)


def train_args(**given: Any) -> argparse.Namespace:
    nothing = dict.fromkeys(("work_dir", "seed", "resume_from", "load_from", "validate"))
    flags = dict(amp=False, amp_dtype=None, auto_scale_lr=False, launcher="none", config="tiny.py")
    return argparse.Namespace(**{**nothing, **flags, **given})


@pytest.fixture
def cfg(tiny_config: Path) -> Config:
    return load_config(tiny_config)


def test_options_replace_what_the_config_says(cfg: Config, tmp_path: Path) -> None:
    cfg.randomness = dict(seed=1, deterministic=True)
    args = train_args(work_dir=str(tmp_path), seed=5, auto_scale_lr=True)
    cfg = apply_train_options(cfg, args)
    assert cfg.work_dir == str(tmp_path)
    assert cfg.randomness == dict(seed=5, deterministic=True)
    assert cfg.auto_scale_lr == dict(base_batch_size=64, enable=True)
    assert cfg.val_dataloader is not None


def test_no_option_changes_nothing(cfg: Config) -> None:
    before = cfg.to_dict()
    after = apply_train_options(cfg, train_args()).to_dict()
    assert after.pop("launcher") == "none"
    assert after == before


def test_resume_and_load(cfg: Config, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(b"")
    cfg = apply_train_options(cfg, train_args(resume_from=str(path)))
    assert (cfg.resume, cfg.load_from) == (True, str(path))
    cfg = apply_train_options(cfg, train_args(load_from=str(path)))
    assert (cfg.resume, cfg.load_from, cfg.resume_from) == (False, str(path), None)
    cfg = apply_train_options(cfg, train_args(resume_from="auto"))
    assert (cfg.resume, cfg.load_from) == (True, None)
