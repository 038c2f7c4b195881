from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmaction.apis.complexity import recognizer_complexity
from mmaction.apis.config import clip_shape, load_config
from mmaction.models import AttentionMechanism
from mmaction.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / "config_files"


# Parameters in millions and multiply-accumulates in billions of 32×224², 174 classes, as known.


def literal_macs(cfg: Config, clips: torch.Tensor) -> int:
    """Output elements times the products behind each, over all convolutions and linears."""
    model, macs = MODELS.build(cfg.model).eval(), 0

    def add(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        nonlocal macs
        # The mechanism computes its convolution in another order, of the same work.
        layer = module.conv if isinstance(module, AttentionMechanism) else module
        macs += output.numel() * layer.weight[0].numel()  # type: ignore[index,operator,union-attr]

    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear | AttentionMechanism):
            module.register_forward_hook(add)
    with torch.no_grad():
        model(clips)
    return macs


def test_equals_a_count_by_hand_and_what_torch_counts_of_a_real_pass(tiny_config: Path) -> None:
    cfg = load_config(tiny_config)
    shape, parts = recognizer_complexity(cfg)
    assert shape == (4, 32, 32)
    clips = torch.zeros(1, 3, *shape)
    model = MODELS.build(cfg.model).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(clips)
    assert 2 * parts[0].macs == counter.get_total_flops()
    assert parts[0].macs == literal_macs(cfg, clips)
    whole, *children = [part for part in parts if "." not in part.name]
    for value in ("macs", "parameters"):
        assert sum(getattr(part, value) for part in children) == getattr(whole, value)


def test_twice_the_frames_are_twice_the_convolutions(tiny_config: Path) -> None:
    cfg = load_config(tiny_config)
    macs = {
        frames: {p.name: p.macs for p in recognizer_complexity(cfg, (frames, 32, 32))[1]}
        for frames in (4, 8)
    }
    assert macs[8]["backbone"] == 2 * macs[4]["backbone"]
    assert cfg.model.clip_len == 4


def test_the_shape_is_the_test_crop() -> None:
    assert clip_shape(load_config(CONFIGS / "sthv1/st_abn_32.py")) == (32, 224, 224)
