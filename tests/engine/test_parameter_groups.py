"""Rates and decays of each parameter, by hand and by the formulas."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from mmaction.engine import ActionRunner, ParameterGroupConstructor
from mmaction.errors import ConfigError
from mmaction.models import Recognizer3D
from mmaction.registry import HOOKS
from tests.engine.conftest import NO_VALIDATION, Trained

LR, DECAY = 0.1, 0.5
TINY = dict(type="ResNet3D", depth=10, num_stages=2, base_channels=4)


def network(**backbone: Any) -> Recognizer3D:
    return Recognizer3D(num_classes=2, clip_len=4, backbone={**TINY, **backbone})


def built(model: nn.Module, **paramwise_cfg: Any) -> OptimWrapper:
    wrapper = dict(optimizer=dict(type="AdamW", lr=LR, weight_decay=DECAY))
    return ParameterGroupConstructor(wrapper, paramwise_cfg)(model)


def by_name(model: nn.Module, wrapper: OptimWrapper, key: str) -> dict[str, float]:
    """A setting of each parameter; each is in one group."""
    groups = wrapper.optimizer.param_groups
    found = {id(p): group[key] for group in groups for p in group["params"]}
    assert len(found) == sum(len(group["params"]) for group in groups)
    return {name: found[id(p)] for name, p in model.named_parameters() if id(p) in found}


def test_each_layer_learns_slower_than_the_next() -> None:
    """BEiT's formula, arXiv:2106.08254: stem and two blocks, behind them the head."""
    model = network()
    wrapper = built(model, layer_decay=0.5)
    assert by_name(model, wrapper, "lr") == {
        name: pytest.approx(LR * 0.5 ** (3 - layer))
        for name, _ in model.named_parameters()
        for start, layer in (
            ("backbone.stem", 0),
            ("backbone.layer1", 1),
            ("backbone.layer2", 2),
            ("head", 3),
        )
        if name.startswith(start)
    }
    assert len(wrapper.optimizer.param_groups) == 4


def test_multiples_of_parts_and_layers_go_together() -> None:
    model = network()
    wrapper = built(
        model,
        layer_decay=0.5,
        no_weight_decay=True,
        custom_keys=dict(backbone=dict(lr_mult=0.1), head=dict(lr_mult=2.0, decay_mult=0.25)),
    )
    rates, decays = by_name(model, wrapper, "lr"), by_name(model, wrapper, "weight_decay")
    assert rates["backbone.stem.conv.weight"] == pytest.approx(LR * 0.1 * 0.125)
    assert rates["head.fc.bias"] == pytest.approx(LR * 2)
    assert decays["backbone.stem.conv.weight"] == DECAY
    assert decays["head.fc.weight"] == DECAY * 0.25
    for name in ("backbone.stem.bn.weight", "backbone.layer2.0.bn1.bias", "head.fc.bias"):
        assert decays[name] == 0
    assert len(wrapper.optimizer.param_groups) == 8, "two for each of four rates"


def test_mmengines_options_do_what_they_do_there() -> None:
    options = dict(
        custom_keys={"layer1": dict(lr_mult=0.5)},
        bias_lr_mult=3.0,
        norm_decay_mult=0.25,
        flat_decay_mult=0.0,
    )
    model = network()
    wrapper = dict(optimizer=dict(type="AdamW", lr=LR, weight_decay=DECAY))
    theirs = DefaultOptimWrapperConstructor(wrapper, options)(model)
    for group in theirs.optimizer.param_groups:
        group.setdefault("weight_decay", DECAY)
    ours = built(model, **options)
    for key in ("lr", "weight_decay"):
        assert by_name(model, ours, key) == by_name(model, theirs, key)
    assert len(ours.optimizer.param_groups) < len(theirs.optimizer.param_groups)


@pytest.mark.parametrize("options", [{}, dict(no_weight_decay=True)])
def test_what_is_frozen_is_in_no_group(options: dict[str, Any]) -> None:
    model = network(frozen_stages=1)
    rates = by_name(model, built(model, **options), "lr")
    assert sorted(rates) == sorted(n for n, p in model.named_parameters() if p.requires_grad)
    assert not any(name.startswith(("backbone.stem", "backbone.layer1")) for name in rates)


def test_shared_parameters_are_in_one_group() -> None:
    model = nn.ModuleDict(dict(first=nn.Linear(2, 2), second=nn.Linear(2, 2)))
    model["second"].weight = model["first"].weight
    wrapper = built(model, no_weight_decay=True)
    assert len(by_name(model, wrapper, "lr")) == 3


def test_a_line_for_each_group(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    model = network(frozen_stages=0)
    current = MMLogger.get_current_instance()
    current.addHandler(caplog.handler)
    try:
        built(model, no_weight_decay=True)
    finally:
        current.removeHandler(caplog.handler)
    frozen = sum(p.numel() for p in model.backbone.stem.parameters())
    conv = "backbone.layer1.0.conv1.weight and 5 more"
    decayed = sum(p.numel() for p in model.parameters() if p.requires_grad and p.ndim > 1)
    plain = sum(p.numel() for p in model.parameters() if p.requires_grad and p.ndim == 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"parameter group 0: lr 0.1, weight decay 0.5, {decayed:,} parameters: {conv}",
        f"parameter group 1: lr 0.1, weight decay 0, {plain:,} parameters:"
        " backbone.layer1.0.bn1.weight and 10 more",
        f"in no parameter group: {frozen:,} frozen parameters",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(layer_decy=0.5), "paramwise_cfg.layer_decy: unknown; did you mean 'layer_decay'"),
        (dict(layer_decay=1.5), r"layer_decay=1.5: expected a number in \(0, 1\]"),
        (dict(layer_decay=0), r"layer_decay=0: expected a number in \(0, 1\]"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        built(network(), **options)


def test_a_backbone_has_to_declare_its_layers() -> None:
    model = nn.ModuleDict(dict(backbone=nn.Linear(2, 2)))
    with pytest.raises(ConfigError, match="Linear does not declare the order of its layers"):
        built(model, layer_decay=0.5)


@HOOKS.register_module(force=True)
class NoteRatesOfGroups(Hook):
    """Notes the rate of each group at each step."""

    def __init__(self) -> None:
        self.rates: list[dict[float, float]] = []

    def before_train_iter(self, runner: ActionRunner, *_: Any, **__: Any) -> None:
        groups = runner.optim_wrapper.optimizer.param_groups
        self.rates.append({group["lr_mult"]: group["lr"] for group in groups})


RUN = (
    "custom_hooks = [dict(type='NoteRatesOfGroups')]\n"
    f"{NO_VALIDATION}"
    "default_hooks['checkpoint'] = dict(save_best=None, max_keep_ckpts=-1)\n"
    "optim_wrapper['paramwise_cfg'] = dict(custom_keys=dict(backbone=dict(lr_mult=0.1)))\n"
)


def rates_of(runner: ActionRunner) -> list[dict[float, float]]:
    [hook] = [hook for hook in runner.hooks if isinstance(hook, NoteRatesOfGroups)]
    return hook.rates


def test_one_cycle_keeps_the_multiples(trained: Trained) -> None:
    """Twelve steps of the formula (arXiv:1708.07120) as torch has it, a peak a group."""
    schedule = "[dict(type='OneCycleLR', eta_max=0.2, pct_start=0.25, by_epoch=False)]"
    runner, _ = trained(f"{RUN}param_scheduler = {schedule}\n", **{"train_cfg.max_epochs": 6})
    optimizer = torch.optim.SGD([dict(params=[nn.Parameter(torch.ones(1))]) for _ in range(2)])
    torchs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=[0.02, 0.2], total_steps=12, pct_start=0.25, cycle_momentum=False
    )
    expected = []
    for _ in range(12):
        expected.append(dict(zip((0.1, 1.0), torchs.get_last_lr(), strict=True)))
        optimizer.step()
        torchs.step()
    for found, right in zip(rates_of(runner), expected, strict=True):
        assert found == pytest.approx(right)


def test_a_lowest_rate_for_all_groups_is_refused(trained: Trained) -> None:
    schedule = "[dict(type='CosineAnnealingLR', eta_min=1e-4, by_epoch=False)]"
    with pytest.raises(ConfigError, match=r"param_scheduler\[0\].eta_min=0.0001: one rate for"):
        trained(f"{RUN}param_scheduler = {schedule}\n")


def fine_tune(step: int, *, steps: int, warm_up: int, lr: float, start: float = 0.01) -> float:
    """Linear from ``start · lr`` to lr over the warm-up's steps, then half a cosine to 0."""
    if step < warm_up:
        return lr * (start + (1 - start) * step / (warm_up - 1))
    return lr * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up))) / 2


def test_fine_tuning_warms_up_and_goes_down_a_cosine(trained: Trained, tmp_path: Path) -> None:
    """Also where it is resumed: sixteen steps, two an epoch, the first six as a warm-up."""
    schedule = Path(__file__).parents[2] / "config_files/_base_/schedules/fine_tune.py"
    scope: dict[str, Any] = {}
    exec(schedule.read_text(), scope)
    schedules = [dict(scope["param_scheduler"][0], end=3), dict(scope["param_scheduler"][1])]
    schedules[1]["begin"] = 3
    text = f"{RUN}param_scheduler = {schedules!r}\n"
    options = {"train_cfg.max_epochs": 8, "optim_wrapper.optimizer.lr": LR}
    expected = [fine_tune(step, steps=16, warm_up=6, lr=LR) for step in range(16)]
    runner, work_dir = trained(text, **options)
    whole = rates_of(runner)
    assert [rates[1.0] for rates in whole] == pytest.approx(expected)
    assert [min(rates.values()) for rates in whole] == pytest.approx([0.1 * lr for lr in expected])
    resumed, _ = trained(text, "on", **options, resume_from=str(work_dir / "epoch_5.pth"))
    assert rates_of(resumed) == whole[10:]
