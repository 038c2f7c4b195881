"""Residual blocks of a 3D ResNet (He et al., arXiv:1512.03385; inflated as in arXiv:1705.07750).

A block maps B×C×T×H×W to B×(planes·expansion)×T'×H'×W'.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn

from mmaction.models.activation_checkpointing import checkpointed

INFLATE_STYLES = ("3x1x1", "3x3x3")


def conv3d(
    in_channels: int,
    out_channels: int,
    *,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int] = (1, 1, 1),
) -> nn.Conv3d:
    """A convolution without bias whose padding keeps the size at stride 1.

    Its weight lies channels-last, as clips do: otherwise each call would rearrange it.
    """
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    conv = nn.Conv3d(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=False)
    conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last_3d)
    return conv


def norm(norm_cfg: dict[str, Any], channels: int) -> nn.Module:
    """The norm layer that ``norm_cfg`` names (``BN3d``, ``SyncBN``, …) over ``channels``."""
    return build_norm_layer(norm_cfg, channels)[1]


class ResidualBlock(nn.Module):
    """What both kinds of block share: the shortcut, the sum and activation checkpointing.

    Args:
        in_channels: Channels that come in.
        planes: Width of the block; its output has ``planes * expansion`` channels.
        spatial_stride: Stride over H and W.
        temporal_stride: Stride over T.
        inflate: Whether a convolution of the block reaches over time.
        inflate_style: Which one does, ``'3x1x1'`` or ``'3x3x3'``; see the subclasses.
        norm_cfg: The norm layer's config.
        with_cp: Recompute the block's activations in the backward pass instead of keeping them:
            all of them (True) or the cheap ones (``'selective'``); see
            ``models.activation_checkpointing``.
    """

    expansion: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        planes: int,
        *,
        spatial_stride: int,
        temporal_stride: int,
        inflate: bool,
        inflate_style: str,
        norm_cfg: dict[str, Any],
        with_cp: bool | str,
    ) -> None:
        super().__init__()
        self.with_cp = with_cp
        self.relu = nn.ReLU(inplace=True)
        out_channels = planes * self.expansion
        stride = (temporal_stride, spatial_stride, spatial_stride)
        self.downsample: nn.Module | None = None
        if in_channels != out_channels or stride != (1, 1, 1):
            self.downsample = nn.Sequential(
                conv3d(in_channels, out_channels, kernel=(1, 1, 1), stride=stride),
                norm(norm_cfg, out_channels),
            )
        self._build(in_channels, planes, stride, inflate, inflate_style, norm_cfg)

    def _build(
        self,
        in_channels: int,
        planes: int,
        stride: tuple[int, int, int],
        inflate: bool,
        inflate_style: str,
        norm_cfg: dict[str, Any],
    ) -> None:
        raise NotImplementedError

    def residual(self, x: Tensor) -> Tensor:
        """The branch beside the shortcut, up to its last norm."""
        raise NotImplementedError

    @property
    def last_norm(self) -> nn.Module:
        """The norm before the sum: zero-initialised, a block starts as the identity."""
        raise NotImplementedError

    def _sum(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        # In place: no backward pass needs the norm's result.
        return self.residual(x).add_(shortcut)

    def forward(self, x: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            return self.relu(checkpointed(self._sum, x, module=self, mode=self.with_cp))
        return self.relu(self._sum(x))


class BasicBlock3D(ResidualBlock):
    """Two 3×3 convolutions (depths 18 and 34).

    Inflated, both are 3×3×3; there is no 1×1 convolution that the style ``'3x1x1'`` could inflate,
    so the style makes no difference here.
    """

    expansion = 1

    def _build(
        self,
        in_channels: int,
        planes: int,
        stride: tuple[int, int, int],
        inflate: bool,
        inflate_style: str,
        norm_cfg: dict[str, Any],
    ) -> None:
        kernel = (3 if inflate else 1, 3, 3)
        self.conv1 = conv3d(in_channels, planes, kernel=kernel, stride=stride)
        self.bn1 = norm(norm_cfg, planes)
        self.conv2 = conv3d(planes, planes, kernel=kernel)
        self.bn2 = norm(norm_cfg, planes)

    def residual(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(x))

    @property
    def last_norm(self) -> nn.Module:
        return self.bn2


class Bottleneck3D(ResidualBlock):
    """1×1 down, 3×3 with the stride, 1×1 up (depths 50, 101 and 152).

    Inflated in the style ``'3x1x1'`` the first convolution becomes 3×1×1, in the style ``'3x3x3'``
    the second becomes 3×3×3.
    """

    expansion = 4

    def _build(
        self,
        in_channels: int,
        planes: int,
        stride: tuple[int, int, int],
        inflate: bool,
        inflate_style: str,
        norm_cfg: dict[str, Any],
    ) -> None:
        first_taps = 3 if inflate and inflate_style == "3x1x1" else 1
        middle_taps = 3 if inflate and inflate_style == "3x3x3" else 1
        out_channels = planes * self.expansion
        self.conv1 = conv3d(in_channels, planes, kernel=(first_taps, 1, 1))
        self.bn1 = norm(norm_cfg, planes)
        self.conv2 = conv3d(planes, planes, kernel=(middle_taps, 3, 3), stride=stride)
        self.bn2 = norm(norm_cfg, planes)
        self.conv3 = conv3d(planes, out_channels, kernel=(1, 1, 1))
        self.bn3 = norm(norm_cfg, out_channels)

    def residual(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))

    @property
    def last_norm(self) -> nn.Module:
        return self.bn3
