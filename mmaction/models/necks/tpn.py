"""The Temporal Pyramid Network (Yang et al., CVPR 2020, arXiv:2004.03548).

Dimension letters: B clips, C channels, T steps in time, h×w cells of a feature map, K classes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.registry import MODELS


class ConvNormReLU(nn.Sequential):
    """Convolution without bias, batch norm, ReLU.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that come out.
        size: d of the 1×d×d kernel; odd.
        stride: Over h and w.
        groups: Of channels that see each other.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        size: int = 1,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        kernel, strides, padding = (1, size, size), (1, stride, stride), (0, size // 2, size // 2)
        conv = nn.Conv3d(
            in_channels, out_channels, kernel, strides, padding, groups=groups, bias=False
        )
        parts = dict(conv=conv, bn=nn.BatchNorm3d(out_channels), relu=nn.ReLU(inplace=True))
        super().__init__(OrderedDict(parts))


class LevelFusion(nn.Module):
    """A pyramid's levels as one feature map, of the coarsest one's steps in time.

    Args:
        levels: How many.
        channels: Of each level.
        out_channels: Channels that come out.
        groups: Of each level's own 1×1×1 convolution.
    """

    def __init__(self, levels: int, *, channels: int, out_channels: int, groups: int) -> None:
        super().__init__()
        self.squeeze = nn.ModuleList(
            ConvNormReLU(channels, channels, groups=groups) for _ in range(levels)
        )
        self.fuse = ConvNormReLU(levels * channels, out_channels)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        steps = levels[-1].shape[2]
        pooled = [_max_over_time(level, steps) for level in levels]
        squeezed = [squeeze(x) for squeeze, x in zip(self.squeeze, pooled, strict=True)]
        return self.fuse(torch.cat(squeezed, dim=1))


class AuxiliaryHead(nn.Module):
    """Features B×C×T×h×w of a lower level to logits B×K of their own, for training alone.

    Args:
        channels: C.
        num_classes: K.
        dropout_ratio: Before the linear.
    """

    def __init__(self, channels: int, *, num_classes: int, dropout_ratio: float = 0.5) -> None:
        super().__init__()
        self.conv = ConvNormReLU(channels, 2 * channels, size=3, stride=2)
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc = nn.Linear(2 * channels, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        return self.fc(self.dropout(self.conv(features).mean(dim=(2, 3, 4))))


@MODELS.register_module()
class TPN(BaseModule):
    """Features of several stages of a backbone, of 2D or 3D, to one B×``out_channels``×T'×h×w.

    - Spatial modulation: 1×3×3 convolutions of stride 2 bring each level to the size and the
      channels of the last.
    - Temporal modulation: a 3×1×1 convolution by groups, and a max-pool that leaves each level
      its number of steps in time: its tempo.
    - Top-down flow: each level, from the last but one to the first, adds the one above. The
      levels so made are fused (``LevelFusion``).
    - Bottom-up flow, behind it ("cascade"): each level, from the second on, adds a convolution of
      the one below. These are fused too, and both fusions once more.

    Args:
        in_channels: C of each level, each twice the one below; the backbone's ``level_channels``.
        clip_len: T of the features.
        num_classes: K, of the auxiliary head.
        steps: How many steps in time each level keeps of the T; falling, and each divides T.
        channels: Of the levels behind the temporal modulation; default: half the last level's.
        out_channels: Channels that come out; default: the last level's.
        groups: Of the convolutions by groups.
        auxiliary_weight: Of the loss of the auxiliary head on the last level but one; 0: none.

    Raises:
        ConfigError: Levels or steps that do not fit.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        clip_len: int,
        num_classes: int,
        steps: Sequence[int] = (1, 1),
        channels: int | None = None,
        out_channels: int | None = None,
        groups: int = 32,
        auxiliary_weight: float = 0.5,
    ) -> None:
        super().__init__()
        count, last = len(in_channels), in_channels[-1]
        if count < 2 or any(2 * a != b for a, b in pairwise(in_channels)):
            raise ConfigError(
                f"TPN in_channels={list(in_channels)}: expected levels, each of twice as many"
                " channels as the one below, such as backbone.out_stages=(3, 4) gives"
            )
        falling = all(a >= b for a, b in pairwise(steps))
        if len(steps) != count or not falling or any(clip_len % s for s in steps):
            raise ConfigError(
                f"TPN steps={tuple(steps)}: expected {count} falling numbers, one a level, that"
                f" divide the features' {clip_len} steps in time"
            )
        self.steps = tuple(steps)
        self.temporal_stride = clip_len // steps[-1]
        self.out_channels = out_channels or last
        self.auxiliary_weight = auxiliary_weight
        width = channels or last // 2
        self.spatial = nn.ModuleList(_to_last_level(c, last) for c in in_channels)
        self.temporal = nn.ModuleList(_over_time(last, width, groups=groups) for _ in in_channels)
        self.downsample = nn.ModuleList(_over_time(width, width) for _ in in_channels[1:])
        shape = dict(channels=width, out_channels=self.out_channels, groups=groups)
        self.top_down = LevelFusion(count, **shape)
        self.bottom_up = LevelFusion(count, **shape)
        self.fuse = ConvNormReLU(2 * self.out_channels, self.out_channels)
        self.auxiliary = None
        if auxiliary_weight:
            self.auxiliary = AuxiliaryHead(in_channels[-2], num_classes=num_classes)
        self._init()

    def _init(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.xavier_uniform_(module.weight)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
        """The features, and the auxiliary head's logits B×K while training."""
        auxiliary = None
        if self.training and self.auxiliary is not None:
            auxiliary = self.auxiliary(levels[-2])
        flow = [
            _max_over_time(over_time(to_last(level)), steps)
            for level, to_last, over_time, steps in zip(
                levels, self.spatial, self.temporal, self.steps, strict=True
            )
        ]
        for i in range(len(flow) - 1, 0, -1):
            flow[i - 1] = flow[i - 1] + F.interpolate(flow[i], size=flow[i - 1].shape[2:])
        top_down = self.top_down(flow)
        for i, over_time in enumerate(self.downsample, start=1):
            flow[i] = flow[i] + _max_over_time(over_time(flow[i - 1]), self.steps[i])
        return self.fuse(torch.cat([top_down, self.bottom_up(flow)], dim=1)), auxiliary


def _over_time(in_channels: int, out_channels: int, *, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv3d(
        in_channels, out_channels, (3, 1, 1), padding=(1, 0, 0), groups=groups, bias=False
    )
    return nn.Sequential(OrderedDict(conv=conv))


def _to_last_level(channels: int, last: int) -> nn.Module:
    """Halves h and w as often as the channels double to the last level's."""
    convs = nn.Sequential()
    while channels < last:
        convs.append(ConvNormReLU(channels, 2 * channels, size=3, stride=2))
        channels *= 2
    return convs


def _max_over_time(x: Tensor, steps: int) -> Tensor:
    """B×C×T×h×w to B×C×``steps``×h×w; ``steps`` divides T."""
    rate = x.shape[2] // steps
    return x if rate == 1 else F.max_pool3d(x, (rate, 1, 1))
