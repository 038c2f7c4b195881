"""ST-ABN on a ViT-B of timm that sees frame by frame: frozen, and fine-tuned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpu.parts import Row, Settings
from gpu.timing import median_ms, peak_mib
from mmaction.models import STABN
from mmaction.registry import MODELS

CLASSES, FRAMES = 174, 8


@MODELS.register_module()
class FramesThroughViT(nn.Module):
    """Clips B×3×T×H×W to B×C×T×h×w, the tokens of each frame's patches; random weights.

    Args:
        model: A ViT's name in timm.
        pixels: H and W.
        frozen: No gradient, in eval mode.
    """

    def __init__(self, *, model: str, pixels: int, frozen: bool) -> None:
        super().__init__()
        self.vit = timm.create_model(model, num_classes=0, img_size=pixels)
        self.out_channels: int = self.vit.embed_dim
        self.grid: tuple[int, int] = self.vit.patch_embed.grid_size
        self.frozen = frozen
        self.requires_grad_(not frozen)

    def train(self, mode: bool = True) -> FramesThroughViT:
        return super().train(mode and not self.frozen)

    def forward(self, clips: Tensor) -> Tensor:
        frames = clips.transpose(1, 2)
        tokens = self.vit.forward_features(frames.flatten(0, 1))
        tokens = tokens[:, self.vit.num_prefix_tokens :].transpose(1, 2).unflatten(2, self.grid)
        return tokens.unflatten(0, frames.shape[:2]).transpose(1, 2)


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
        backbone = dict(type="FramesThroughViT", model=name, pixels=pixels, frozen=frozen)
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
    channels = dict(vit_base_patch16_224=768, vit_tiny_patch16_224=192)[backbone["model"]]
    stage = dict(type="PointwiseStage", in_channels=channels, out_channels=256)
    model = STABN(
        num_classes=CLASSES,
        clip_len=FRAMES,
        backbone=backbone,
        attention_branch=dict(stage=stage),
        perception_branch=dict(stage=stage),
    )
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
