"""Residual blocks of a 3D ResNet (He et al., arXiv:1512.03385; inflated as in arXiv:1705.07750).

A block maps B×C×T×H×W to B×(planes·expansion)×T'×H'×W'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from mmaction.errors import ConfigError, first_line
from mmaction.models.activation_checkpointing import checkpointed
from mmaction.models.backbones.convolutions import (
    FACTORIZED,
    Conv2Plus1d,
    conv3d,
    middle_channels,
    norm,
)
from mmaction.models.backbones.over_time import shifted

INFLATE_STYLES = ("3x1x1", "3x3x3", *FACTORIZED)
NON_LOCAL = dict(
    mode="embedded_gaussian", use_scale=False, sub_sample=True, norm_cfg=dict(type="BN3d")
)


class ResidualBlock(nn.Module):
    """A residual block: convolutions with norms beside a shortcut, and activation checkpointing.

    Args:
        in_channels: Channels that come in.
        planes: Width of the block; its output has ``planes * expansion`` channels.
        spatial_stride: Stride over H and W.
        temporal_stride: Stride over T.
        inflate: Whether a convolution of the block reaches over time.
        inflate_style: Which one does, ``'3x1x1'`` or ``'3x3x3'``; see the subclasses. Basic blocks
            may have ``'2+1d'`` (each convolution in two steps, the shortcut's too; R(2+1)D) and
            ``'2+1d-shared'`` (torchvision's: both convolutions have the first one's number of
            channels between the steps, and the shortcut's is in one).
        norm_cfg: The norm layer's config.
        with_cp: Recompute the block's activations in the backward pass instead of keeping them:
            all of them (True) or the cheap ones (``'selective'``); see
            ``models.activation_checkpointing``.
        shift_div: One of so many channels comes from the frame behind and one from the frame before
            (``over_time.shifted``) where the residual begins; 0: none does.
        shift_shortcut: The shortcut's convolution, where there is one, sees the shifted too.
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
        norm_cfg: dict[str, Any] | None,
        with_cp: bool | str,
        shift_div: int = 0,
        shift_shortcut: bool = False,
    ) -> None:
        super().__init__()
        self.with_cp = with_cp
        self.shift_div = shift_div
        self.shift_shortcut = shift_shortcut
        self.non_local_block: nn.Module | None = None  # set by whoever makes the stage
        self.relu = nn.ReLU(inplace=True)
        out_channels = planes * self.expansion
        stride = (temporal_stride, spatial_stride, spatial_stride)
        make: Callable[..., nn.Module] = conv3d
        make_shortcut = make
        if inflate and inflate_style in FACTORIZED:
            make = make_shortcut = partial(Conv2Plus1d, norm_cfg=norm_cfg)
            if inflate_style == "2+1d-shared":
                middle = middle_channels(in_channels, planes, (3, 3, 3))
                make, make_shortcut = partial(make, middle=middle), conv3d
        self.downsample: nn.Module | None = None
        if in_channels != out_channels or stride != (1, 1, 1):
            self.downsample = nn.Sequential(
                make_shortcut(in_channels, out_channels, kernel=(1, 1, 1), stride=stride),
                norm(norm_cfg, out_channels),
            )
        kernels = self.kernels(inflate_style if inflate else None)
        self.depth = len(kernels)
        for n, kernel in enumerate(kernels, start=1):
            channels = out_channels if n == self.depth else planes
            strides = stride if n == self.strided else (1, 1, 1)
            self.add_module(f"conv{n}", make(in_channels, channels, kernel=kernel, stride=strides))
            self.add_module(f"bn{n}", norm(norm_cfg, channels))
            in_channels = channels

    @staticmethod
    def kernels(inflated: str | None) -> list[tuple[int, int, int]]:
        """The convolutions' kernels over T, H and W; ``inflated``: in which style, if at all."""
        raise NotImplementedError

    def residual(self, x: Tensor) -> Tensor:
        """The branch beside the shortcut, up to its last norm."""
        for n in range(1, self.depth + 1):
            x = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(x))
            x = self.relu(x) if n < self.depth else x
        return x

    def _sum(self, x: Tensor) -> Tensor:
        seen = shifted(x, self.shift_div, time=2, channels=1) if self.shift_div else x
        shortcut = x
        if self.downsample is not None:
            shortcut = self.downsample(seen if self.shift_shortcut else x)
        # In place: no backward pass needs the norm's result.
        return self.residual(seen).add_(shortcut)

    def forward(self, x: Tensor) -> Tensor:
        if self.with_cp and x.requires_grad:
            x = self.relu(checkpointed(self._sum, x, module=self, mode=self.with_cp))
        else:
            x = self.relu(self._sum(x))
        return x if self.non_local_block is None else self.non_local_block(x)


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
        first, second = (3 if inflated == style else 1 for style in INFLATE_STYLES[:2])
        return [(first, 1, 1), (second, 3, 3), (1, 1, 1)]


def non_local_3d(channels: int, options: dict[str, Any]) -> nn.Module:
    """Starts as the identity: its last norm's weights are zero."""
    from mmcv.cnn import NonLocal3d  # only here: the usual network needs torch and mmengine alone

    try:
        return NonLocal3d(channels, **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"ResNet3D non_local_cfg={options!r}: {first_line(error)}") from error


def init_resnet(module: nn.Module, *, zero_init_residual: bool) -> None:
    """Kaiming initialisation (arXiv:1502.01852) of convolutions; norms start at one and zero."""
    for m in module.modules():
        if isinstance(m, nn.Conv3d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(m, ResidualBlock) and zero_init_residual:
            # The norm before the sum: the block starts as the identity.
            nn.init.zeros_(m.get_submodule(f"bn{m.depth}").weight)  # type: ignore[arg-type]


ARCHITECTURES: dict[int, tuple[type[ResidualBlock], tuple[int, ...]]] = {
    10: (BasicBlock3D, (1, 1, 1, 1)),
    18: (BasicBlock3D, (2, 2, 2, 2)),
    34: (BasicBlock3D, (3, 4, 6, 3)),
    50: (Bottleneck3D, (3, 4, 6, 3)),
    101: (Bottleneck3D, (3, 4, 23, 3)),
    152: (Bottleneck3D, (3, 8, 36, 3)),
}


def by_block(
    name: str, given: Sequence[bool | int | Sequence[bool | int]], stage_blocks: Sequence[int]
) -> tuple[tuple[bool, ...], ...]:
    """An option of stages, or of their blocks, for each block of each stage.

    Args:
        name: Of the option, for the message.
        given: A flag for each stage, or one for each of its blocks.
        stage_blocks: How many blocks each stage has.

    Raises:
        ConfigError: There are more or fewer.
    """
    require(len(given) == len(stage_blocks), name, given, f"{len(stage_blocks)}, one a stage")
    flags = []
    for value, blocks in zip(given, stage_blocks, strict=True):
        each = (value,) * blocks if isinstance(value, bool | int) else tuple(value)
        require(len(each) == blocks, name, given, f"one or {blocks} where {value} is")
        flags.append(tuple(map(bool, each)))
    return tuple(flags)


def require(right: bool, name: str, value: object, expected: str) -> None:
    """Raises a ``ConfigError`` that names a wrong option of ``ResNet3D``."""
    if not right:
        raise ConfigError(f"ResNet3D {name}={value!r}: expected {expected}")
