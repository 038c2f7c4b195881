"""The attention mechanism of ST-ABN (arXiv:2110.15574): how the maps weigh the features."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmaction.models.backbones.blocks import norm
from mmaction.registry import MODELS


@MODELS.register_module()
class AttentionMechanism(BaseModule):
    """x' = ReLU(BN(conv1×1×1([x·(1 + A_s), x·A_t]))), B×C×T×h×w throughout.

    Args:
        channels: C of the features.
        final_relu: Whether the last ReLU is there. The authors' first code has it, their
            re-implementation does not; set it as the checkpoint to be used needs it.
        norm_cfg: The norm layer's config.
    """

    def __init__(
        self,
        *,
        channels: int,
        final_relu: bool = True,
        norm_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.final_relu = final_relu
        self.conv = nn.Conv3d(2 * channels, channels, 1, bias=False)
        self.bn = norm(norm_cfg or dict(type="BN3d"), channels)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor, spatial: Tensor, temporal: Tensor) -> Tensor:
        """Weighs the features.

        Args:
            features: x, B×C×T×h×w.
            spatial: A_s, B×1×T×h×w in [0, 1].
            temporal: A_t, B×1×T×1×1 in [0, 1].
        """
        weighed = torch.cat([features * (1 + spatial), features * temporal], dim=1)
        x = self.bn(self.conv(weighed))
        return torch.relu(x) if self.final_relu else x
