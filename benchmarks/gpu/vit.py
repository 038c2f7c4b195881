"""ST-ABN on a ViT-B of timm that sees frame by frame: frozen, and fine-tuned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from networks import CLASSES

from gpu.parts import Row, Settings
from gpu.timing import median_ms, peak_mib
from mmaction.models import STABN

FRAMES = 8


def measure(settings: Settings) -> Iterator[Row]:
    """Training steps in bf16, and a forward pass."""
    name, pixels, batch = ("vit_base_patch16_224", 224, 16)
    if settings.small:
        name, pixels, batch = ("vit_tiny_patch16_224", 32, 2)
    for what, frozen, train in (
        ("frozen, training", True, True),
        ("fine-tuned, training", False, True),
        ("inference", True, False),
    ):
        backbone = dict(type="TimmBackbone", model=name, frozen=frozen)
        backbone["model_options"] = dict(img_size=pixels)
        step = _prepared(backbone, (batch, 3, FRAMES, pixels, pixels), settings.device, train)
        ms = median_ms(step, device=settings.device)
        memory = peak_mib(step, device=settings.device)
        yield {
            "what": f"{name}, {what}",
            "ms": round(ms, 2),
            "clips/s": round(1e3 * batch / ms, 1),
            "MiB": None if memory is None else round(memory),
        }


def _prepared(backbone: dict[str, Any], shape: tuple[int, ...], device: str, train: bool) -> Any:
    model = STABN(num_classes=CLASSES, clip_len=FRAMES, backbone=backbone)
    model.to(device).train(train)
    clips = torch.randn(shape, device=device)
    labels = torch.arange(len(clips), device=device) % CLASSES
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-6)

    def step() -> None:
        with torch.autocast(device, torch.bfloat16), torch.set_grad_enabled(train):
            out = model(clips)
            losses = [F.cross_entropy(s, labels) for s in (out.scores, out.attention_scores)]
        if train:
            torch.stack(losses).sum().backward()
            optimizer.step()
            optimizer.zero_grad()

    return step
