"""The networks that benchmarks compare: ST-ABN written down literally, and this project's."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from literal_st_abn import LiteralSTABN
from torch import Tensor, nn

from mmaction.models import STABN

CLASSES = 174


@dataclass(frozen=True)
class Size:
    """A network and its clips."""

    depth: int
    batch: int
    frames: int
    pixels: int
    blocks: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the clips."""
        return (self.batch, 3, self.frames, self.pixels, self.pixels)


def build(size: Size, *, literal: bool = False, with_cp: bool | str = False) -> nn.Module:
    """The network, with its start values.

    Args:
        size: The network and its clips.
        literal: Written down literally.
        with_cp: This project's activation checkpointing.
    """
    if literal:
        deep = size.depth >= 50
        return LiteralSTABN(blocks=size.blocks, deep=deep, classes=CLASSES, frames=size.frames)
    backbone = dict(type="ResNet3D", depth=size.depth, num_stages=3, with_cp=with_cp)
    return STABN(num_classes=CLASSES, clip_len=size.frames, backbone=backbone)


def shared_weights(size: Size) -> dict[str, Tensor]:
    """Of a network whose norms have seen something, so that maps and scores are no constants."""
    torch.manual_seed(0)
    weights = build(size).state_dict()
    for name, value in weights.items():
        if name.endswith("running_mean"):
            value.normal_(0, 0.1)
        elif name.endswith("running_var"):
            value.uniform_(0.8, 1.2)
    return weights
