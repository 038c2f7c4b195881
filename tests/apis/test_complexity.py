from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmaction.apis.complexity import PartComplexity, recognizer_complexity
from mmaction.apis.config import clip_shape, load_config
from mmaction.models import AttentionMechanism
from mmaction.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / "config_files"


def by_name(config: str, **options: Any) -> dict[str, PartComplexity]:
    cfg = load_config(CONFIGS / config, options)
    return {part.name: part for part in recognizer_complexity(cfg)[1]}


# Parameters in millions and multiply-accumulates in billions of 32×224², 174 classes, as known.
@pytest.mark.parametrize(
    ("config", "depth", "parameters", "within", "macs"),
    [
        ("sthv1/resnet3d_r50.py", 50, 32.0, 0.05, 167),
        ("sthv1/resnet3d_r50.py", 101, 59.9, 0.05, 342),
        ("sthv1/st_abn_32.py", 50, 55.5, 0.5, 309),
    ],
)
def test_known_sizes(
    config: str, depth: int, parameters: float, within: float, macs: float
) -> None:
    total = by_name(config, **{"model.backbone.depth": depth})[""]
    assert total.parameters / 1e6 == pytest.approx(parameters, abs=within)
    assert round(total.macs / 1e9) == macs


def test_parts_add_up() -> None:
    parts = by_name("sthv1/st_abn_32.py")
    names = ("backbone", "attention_branch", "attention_mechanism", "perception_branch")
    assert {n for n in parts if "." not in n and n} == set(names)
    for value in ("macs", "parameters"):
        assert sum(getattr(parts[n], value) for n in names) == getattr(parts[""], value)
    plain = by_name("sthv1/resnet3d_r50.py")
    assert {n for n in plain if "." not in n and n} == {"backbone", "head"}


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


def test_twice_the_frames_are_twice_the_convolutions(tiny_config: Path) -> None:
    cfg = load_config(tiny_config)
    macs = {
        frames: {p.name: p.macs for p in recognizer_complexity(cfg, (frames, 32, 32))[1]}
        for frames in (4, 8)
    }
    assert macs[8]["backbone"] == 2 * macs[4]["backbone"]
    assert cfg.model.clip_len == 4


def test_the_shape_is_the_test_crop(tiny_config: Path) -> None:
    assert clip_shape(load_config(CONFIGS / "sthv1/st_abn_32.py")) == (32, 224, 224)
    assert clip_shape(load_config(tiny_config)) == (4, 32, 32)
