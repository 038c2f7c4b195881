"""A residual stage for a branch over any backbone.

Dimension letters: B clips, C channels, T frames, h×w cells of the feature map.
"""

from __future__ import annotations

from typing import Any

from mmengine.logging import print_log
from torch import Tensor, nn

from mmaction.errors import ConfigError
from mmaction.models.backbones.blocks import Bottleneck3D, init_resnet
from mmaction.registry import MODELS

# How a bottleneck reaches over time; see ``blocks.Bottleneck3D``.
_INFLATE_STYLES = {"2d+1": "3x1x1", "3d": "3x3x3"}
KINDS = (*_INFLATE_STYLES, "attention")


@MODELS.register_module()
class ResidualStage(nn.Sequential):
    """Residual blocks: B×C×T×h×w to B×``out_channels``×T×h'×w'.

    Args:
        in_channels: C.
        out_channels: Channels that come out; default: 2C of bottlenecks, C of attention.
        kind: ``'2d+1'``, bottlenecks whose 1×1×1 reaches over time as 3×1×1; ``'3d'``, whose 3×3
            does as 3×3×3; ``'attention'``, transformer blocks over all T·h·w tokens.
        blocks: How many.
        spatial_stride: Of the first block, over h and w; attention has none.
        num_heads: Of attention.
        norm_cfg: The bottlenecks' norm layers.

    Raises:
        ConfigError: A kind that there isn't, or sizes that don't divide.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int | None = None,
        kind: str = "2d+1",
        blocks: int = 1,
        spatial_stride: int = 1,
        num_heads: int = 8,
        norm_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ConfigError(f"ResidualStage kind={kind!r}: expected one of {', '.join(KINDS)}")
        if kind == "attention":
            self.out_channels = out_channels or in_channels
            if spatial_stride != 1 or self.out_channels != in_channels or in_channels % num_heads:
                raise ConfigError(
                    f"ResidualStage of attention keeps its sizes: in_channels={in_channels},"
                    f" out_channels={out_channels}, spatial_stride={spatial_stride},"
                    f" num_heads={num_heads}, which must divide the channels"
                )
            self.extend(TokenBlock(in_channels, num_heads=num_heads) for _ in range(blocks))
            return
        self.out_channels = out_channels or 2 * in_channels
        if self.out_channels % Bottleneck3D.expansion:
            raise ConfigError(
                f"ResidualStage out_channels={self.out_channels}: expected a multiple of"
                f" {Bottleneck3D.expansion}"
            )
        for number in range(blocks):
            self.append(
                Bottleneck3D(
                    self.out_channels if number else in_channels,
                    self.out_channels // Bottleneck3D.expansion,
                    spatial_stride=1 if number else spatial_stride,
                    temporal_stride=1,
                    inflate=True,
                    inflate_style=_INFLATE_STYLES[kind],
                    norm_cfg=norm_cfg,
                    with_cp=False,
                )
            )
        init_resnet(self, zero_init_residual=False)


class TokenBlock(nn.Module):
    """Self-attention and a perceptron over all cells of all frames: B×C×T×h×w to the same.

    Args:
        channels: C.
        num_heads: Of the attention.
    """

    def __init__(self, channels: int, *, num_heads: int) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(
            channels,
            num_heads,
            dim_feedforward=4 * channels,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )

    def forward(self, features: Tensor) -> Tensor:
        tokens = self.layer(features.flatten(2).transpose(1, 2))
        return tokens.transpose(1, 2).unflatten(2, features.shape[2:])


def default_stage(
    backbone: nn.Module, *, name: str, spatial_stride: int | None, blocks: int | None
) -> dict[str, Any]:
    """The stage of a branch whose config names none, chosen by what the backbone declares.

    Args:
        backbone: With ``out_channels``, and ``tokens`` where its features are a transformer's.
        name: Of the branch, for the log.
        spatial_stride: From the branch's config; None: 1.
        blocks: From the branch's config; None: 1.
    """
    kind = "attention" if getattr(backbone, "tokens", False) else "2d+1"
    stage: dict[str, Any] = dict(type="ResidualStage", in_channels=backbone.out_channels, kind=kind)
    stage |= dict(blocks=blocks or 1, spatial_stride=spatial_stride or 1)
    print_log(f"{name} has no stage of its own: stage={stage}", logger="current")
    return stage
