"""Mixed precision in training steps: clipping, and the loss scaler's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from mmaction.engine.optimizers import (
    Bf16OptimWrapper,
    TrainingAmpOptimWrapper,
    TrainingOptimWrapper,
)
from mmaction.models import STABN

pytestmark = pytest.mark.gpu
# How far a first step of a random network may turn by 8 and by 11 bits.
LEAST_COSINE = {"bf16": 0.85, "fp16": 0.98}
CLASSES, FRAMES = 3, 4


def network(device: str) -> STABN:
    torch.manual_seed(0)
    backbone = dict(type="ResNet3D", depth=18, num_stages=3, base_channels=8)
    branch = dict(dropout_ratio=0.0)
    model = STABN(
        num_classes=CLASSES,
        clip_len=FRAMES,
        backbone=backbone,
        attention_branch=dict(branch),
        perception_branch=dict(branch),
    )
    return model.to(device)


def train(model: STABN, wrapper: Any, device: str, *, steps: int) -> None:
    draw = torch.Generator().manual_seed(1)
    clips = torch.randn(4, 3, FRAMES, 32, 32, generator=draw).to(device)
    labels = torch.arange(4, device=device) % CLASSES
    for _ in range(steps):
        with wrapper.optim_context(model):
            out = model(clips)
            loss = F.cross_entropy(out.scores, labels)
        wrapper.update_params(loss)


def wrapped(kind: Any, model: STABN, **options: Any) -> Any:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return kind(optimizer=optimizer, clip_grad=dict(max_norm=0.1), **options)


def moved(model: STABN, start: dict[str, torch.Tensor]) -> torch.Tensor:
    """How far all weights have come, in one vector."""
    return torch.cat([(p.detach() - start[n]).flatten() for n, p in model.named_parameters()]).cpu()


@pytest.mark.parametrize("kind", ["bf16", "fp16"])
def test_steps_go_where_float32_goes(kind: str, device: str) -> None:
    if kind == "fp16" and device == "cpu":
        pytest.skip("needs a GPU")
    ways = {"fp32": TrainingOptimWrapper, "bf16": Bf16OptimWrapper}
    ways["fp16"] = TrainingAmpOptimWrapper
    steps: dict[str, torch.Tensor] = {}
    for way in ("fp32", kind):
        model = network(device)
        start = {name: p.detach().clone() for name, p in model.named_parameters()}
        options = dict(loss_scale="dynamic") if way == "fp16" else {}
        train(model, wrapped(ways[way], model, **options), device, steps=1)
        steps[way] = moved(model, start)
        # A clipped gradient of norm 0.1 at a rate of 0.05.
        assert steps[way].norm().item() == pytest.approx(0.005, rel=1e-2)
    assert F.cosine_similarity(steps["fp32"], steps[kind], dim=0) > LEAST_COSINE[kind]


def test_an_overflow_in_fp16_is_skipped_and_the_scale_halved(cuda: str) -> None:
    model = network(cuda)
    options = dict(loss_scale=dict(init_scale=2.0**40))
    wrapper = wrapped(TrainingAmpOptimWrapper, model, **options)
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    train(model, wrapper, cuda, steps=1)
    assert moved(model, start).norm() == 0
    assert wrapper.loss_scaler.get_scale() == 2.0**39
    train(model, wrapper, cuda, steps=40)
    assert moved(model, start).norm() > 0
