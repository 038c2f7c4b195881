"""Residual blocks of a 3D ResNet (He et al., arXiv:1512.03385; inflated as in arXiv:1705.07750).

A block maps B×C×T×H×W to B×(planes·expansion)×T'×H'×W'.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
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

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that come out.
        kernel: Over T, H and W; odd.
        stride: Likewise.
    """
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    conv = nn.Conv3d(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=False)
    conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last_3d)
    return conv


def norm(norm_cfg: dict[str, Any], channels: int) -> nn.Module:
    """The norm layer that ``norm_cfg`` names (``BN3d``, ``SyncBN``, …) over ``channels``."""
    if norm_cfg == dict(type="BN3d"):
        return nn.BatchNorm3d(channels)
    # Only here, so that the usual network needs torch and mmengine alone.
    from mmcv.cnn import build_norm_layer

    return build_norm_layer(norm_cfg, channels)[1]


class ResidualBlock(nn.Module):
    """A residual block: convolutions with norms beside a shortcut, and activation checkpointing.

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
    strided: ClassVar[int]  # which convolution has the strides, counted from 1

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
        kernels = self.kernels(inflate_style if inflate else None)
        self.depth = len(kernels)
        for n, kernel in enumerate(kernels, start=1):
            channels = out_channels if n == self.depth else planes
            strides = stride if n == self.strided else (1, 1, 1)
            self.add_module(
                f"conv{n}", conv3d(in_channels, channels, kernel=kernel, stride=strides)
            )
            self.add_module(f"bn{n}", norm(norm_cfg, channels))
            in_channels = channels

    @staticmethod
    def kernels(inflated: str | None) -> list[tuple[int, int, int]]:
        """The convolutions' kernels over T, H and W; ``inflated``: in which style, if at all."""
        raise NotImplementedError

    @property
    def last_norm(self) -> nn.Module:
        """The norm before the sum: zero-initialised, a block starts as the identity."""
        return self.get_submodule(f"bn{self.depth}")

    def residual(self, x: Tensor) -> Tensor:
        """The branch beside the shortcut, up to its last norm."""
        for n in range(1, self.depth + 1):
            x = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(x))
            x = self.relu(x) if n < self.depth else x
        return x

    def _sum(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        # In place: no backward pass needs the norm's result.
        return self.residual(x).add_(shortcut)

    def forward(self, x: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            return self.relu(checkpointed(self._sum, x, module=self, mode=self.with_cp))
        return self.relu(self._sum(x))


class BasicBlock3D(ResidualBlock):
    """Two 3×3 convolutions, the first with the stride (depths 18 and 34).

    Inflated, both are 3×3×3; there is no 1×1 convolution that the style ``'3x1x1'`` could inflate,
    so the style makes no difference here.
    """

    expansion, strided = 1, 1

    @staticmethod
    def kernels(inflated: str | None) -> list[tuple[int, int, int]]:
        return [(3 if inflated else 1, 3, 3)] * 2


class Bottleneck3D(ResidualBlock):
    """1×1 down, 3×3 with the stride, 1×1 up (depths 50, 101 and 152).

    Inflated in the style ``'3x1x1'`` the first convolution becomes 3×1×1, in the style ``'3x3x3'``
    the second becomes 3×3×3.
    """

    expansion, strided = 4, 2

    @staticmethod
    def kernels(inflated: str | None) -> list[tuple[int, int, int]]:
        first, second = (3 if inflated == style else 1 for style in INFLATE_STYLES)
        return [(first, 1, 1), (second, 3, 3), (1, 1, 1)]
