from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mmaction.apis import load_config, train
from mmaction.apis.train import check_data
from mmaction.errors import ConfigError, DataError

MakeConfig = Callable[..., Path]


def test_lists_are_checked_before_a_step(own_data: Path, make_config: MakeConfig) -> None:
    cfg = load_config(make_config(own_data))
    check_data(cfg)
    lines = (own_data / "train.txt").read_text()
    (own_data / "train.txt").write_text(lines + "train/gone 6 0\n")
    with pytest.raises(DataError, match=r"'train/gone' \(.*train\.txt:3\)"):
        train(cfg)
    assert not (own_data.parent / "work" / "epoch_1.pth").exists()


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
        ("auto_scale_lr = dict()", "auto_scale_lr.base_batch_size is missing"),
        ("optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD'))", "lr is missing"),
    ],
)
def test_a_rate_without_its_batch(
    text: str, expected: str, make_config: MakeConfig, tiny_data: Path
) -> None:
    with pytest.raises(ConfigError, match=expected):
        train(load_config(make_config(tiny_data, text)))
