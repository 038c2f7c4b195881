"""The attention mechanism of ST-ABN (arXiv:2110.15574): how the maps weigh the features."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmaction.errors import ConfigError, near
from mmaction.models.backbones.convolutions import norm
from mmaction.registry import MODELS

GATES = ("published", "joint")


@MODELS.register_module()
class AttentionMechanism(BaseModule):
    """Features weighed by A_s and A_t, then mixed; B×C×T×h×w throughout.

    - ``gate='published'``: x' = ReLU(BN(conv1×1×1([x·(1 + A_s), x·A_t]))), as in the paper. Each
      half lets pass what the other holds back, and the 1 lets everything pass: a network may learn
      to ignore both maps.
    - ``gate='joint'``: x' = ReLU(BN(conv1×1×1(x·A_s·A_t))). Nothing gets past the maps: what the
      perception branch knows, it knows from where and when they are high. With a ``threshold``,
      fainter weights A_s·A_t count as none: from there it knows nothing at all. It needs no
      training of its own.

    Args:
        channels: C of the features.
        gate: ``'published'`` or ``'joint'``.
        threshold: Of the joint gate, in [0, 1).
        final_relu: Whether the last ReLU is there. The authors' first code has it, their
            re-implementation does not; set it as the checkpoint to be used needs it.
        norm_cfg: The norm layer's config.

    Raises:
        ConfigError: The gate is none of the two, or a threshold that it can't have.
    """

    def __init__(
        self,
        *,
        channels: int,
        gate: str = "published",
        threshold: float = 0.0,
        final_relu: bool = True,
        norm_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if gate not in GATES:
            raise ConfigError(
                f"attention_mechanism.gate={gate!r} is unknown{near(str(gate), GATES)}"
            )
        if not 0 <= threshold < 1 or (threshold and gate != "joint"):
            raise ConfigError(
                f"attention_mechanism.threshold={threshold}: expected a number in [0, 1), and"
                " gate='joint'"
            )
        self.gate = gate
        self.threshold = threshold
        self.final_relu = final_relu
        weighed_channels = channels if gate == "joint" else 2 * channels
        self.conv = nn.Conv3d(weighed_channels, channels, 1, bias=False)
        self.bn = norm(norm_cfg, channels)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor, spatial: Tensor, temporal: Tensor) -> Tensor:
        """Weighs the features.

        Args:
            features: x, B×C×T×h×w.
            spatial: A_s, B×1×T×h×w in [0, 1].
            temporal: A_t, B×1×T×1×1 in [0, 1].
        """
        if self.gate == "joint":
            weights = spatial * temporal
            if self.threshold:
                weights = weights * (weights >= self.threshold)
            mixed = self.conv(features * weights)
        else:
            mixed = self._mixed_halves(features, spatial, temporal)
        x = self.bn(mixed)
        return torch.relu_(x) if self.final_relu else x

    def _mixed_halves(self, features: Tensor, spatial: Tensor, temporal: Tensor) -> Tensor:
        """(1 + A_s)·(W_s·x) + A_t·(W_t·x), the same as ``conv`` of [x·(1 + A_s), x·A_t].

        A 1×1×1 convolution sees one cell at a time, and there A_s and A_t are numbers: its halves
        W_s and W_t read x itself, in one pass, and the weights follow.
        """
        halves = torch.cat(self.conv.weight.chunk(2, dim=1))
        of_spatial, of_temporal = F.conv3d(features, halves).chunk(2, dim=1)
        # Autocast may have left the maps in another type than the convolution's.
        spatial, temporal = spatial.to(of_spatial.dtype), temporal.to(of_spatial.dtype)
        mixed = torch.addcmul(of_spatial, of_spatial, spatial).addcmul_(of_temporal, temporal)
        return mixed if self.conv.bias is None else mixed.add_(self.conv.bias[:, None, None, None])
