"""Convolutions over T, H and W, and the stem of a 3D ResNet."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# In two steps, over H and W and then over T; see ``blocks.ResidualBlock``.
FACTORIZED = ("2+1d", "2+1d-shared")
# Channels between the two steps of the stem of "2+1d-shared", torchvision's.
_STEM_MIDDLE = 45


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


def norm(norm_cfg: dict[str, Any] | None, channels: int) -> nn.Module:
    """The norm layer that ``norm_cfg`` names (``SyncBN``, …) over ``channels``; None: ``BN3d``."""
    if not norm_cfg or norm_cfg == dict(type="BN3d"):
        return nn.BatchNorm3d(channels)
    # Only here, so that the usual network needs torch and mmengine alone.
    from mmcv.cnn import build_norm_layer

    return build_norm_layer(norm_cfg, channels)[1]


def middle_channels(in_channels: int, out_channels: int, kernel: tuple[int, int, int]) -> int:
    """What R(2+1)D (Tran et al., arXiv:1711.11248) puts between its two convolutions.

    ⌊3·d²·N_in·N_out / (d²·N_in + 3·N_out)⌋ with a d×d kernel: as many weights as a 3×d×d one has.
    """
    area = kernel[1] * kernel[2]
    return 3 * area * in_channels * out_channels // (area * in_channels + 3 * out_channels)


class Conv2Plus1d(nn.Module):
    """A t×d×d convolution in two steps, of R(2+1)D: 1×d×d, norm, ReLU, t×1×1.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that come out.
        kernel: t, d and d; odd.
        stride: Over T, H and W: the first step takes those over H and W, the second that over T.
        middle: Channels between; default: ``middle_channels``.
        norm_cfg: Whose type the norm has, with that type's own settings.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: tuple[int, int, int],
        stride: tuple[int, int, int] = (1, 1, 1),
        middle: int | None = None,
        norm_cfg: dict[str, Any] | None,
    ) -> None:
        super().__init__()
        middle = middle or middle_channels(in_channels, out_channels, kernel)
        self.conv_s = conv3d(in_channels, middle, kernel=(1, *kernel[1:]), stride=(1, *stride[1:]))
        self.bn_s = norm(norm_cfg and dict(type=norm_cfg["type"]), middle)
        self.relu = nn.ReLU(inplace=True)
        self.conv_t = conv3d(
            middle, out_channels, kernel=(kernel[0], 1, 1), stride=(stride[0], 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_t(self.relu(self.bn_s(self.conv_s(x))))


class Stem(nn.Sequential):
    """Convolution, norm, ReLU and a 1×3×3 max-pool: B×3×T×H×W to B×``out_channels``×T'×H/4×W/4.

    Args:
        out_channels: Channels that come out.
        kernel: Of the convolution, over T, H and W.
        inflate_style: Whether the convolution is in two steps; see ``ResidualBlock``. Those of
            ``'2+1d-shared'`` both have a norm and a ReLU, and 45 channels between.
        temporal_stride: Of the convolution.
        pool: Whether there is the pool; without it H/2×W/2 come out.
        pool_temporal_stride: Of the pool.
        norm_cfg: The norm layer's config.
    """

    def __init__(
        self,
        out_channels: int,
        *,
        kernel: tuple[int, int, int],
        inflate_style: str = "3x1x1",
        temporal_stride: int = 1,
        pool: bool = True,
        pool_temporal_stride: int = 1,
        norm_cfg: dict[str, Any] | None,
    ) -> None:
        super().__init__()
        how: dict[str, Any] = dict(kernel=kernel, stride=(temporal_stride, 2, 2))
        shared = inflate_style == "2+1d-shared"
        channels = _STEM_MIDDLE if shared else out_channels
        if inflate_style == "2+1d":
            self.conv: nn.Module = Conv2Plus1d(3, out_channels, norm_cfg=norm_cfg, **how)
        elif shared:
            self.conv = conv3d(3, channels, kernel=(1, *kernel[1:]), stride=(1, 2, 2))
        else:
            self.conv = conv3d(3, out_channels, **how)
        self.bn = norm(norm_cfg, channels)
        self.relu = nn.ReLU(inplace=True)
        if shared:
            of_time: dict[str, Any] = dict(kernel=(kernel[0], 1, 1), stride=(temporal_stride, 1, 1))
            self.conv_t = conv3d(channels, out_channels, **of_time)
            self.bn_t = norm(norm_cfg, out_channels)
            self.relu_t = nn.ReLU(inplace=True)
        if pool:
            stride = (pool_temporal_stride, 2, 2)
            self.pool = nn.MaxPool3d((1, 3, 3), stride=stride, padding=(0, 1, 1))
