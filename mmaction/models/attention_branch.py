"""The attention branch of ST-ABN (arXiv:2110.15574): where and when to look, and its own scores.

Dimension letters: B clips, C channels, T frames, h×w cells of the feature map, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmaction.models.backbones.convolutions import norm
from mmaction.registry import MODELS


@dataclass(frozen=True)
class AttentionOutput:
    """What the attention branch answers.

    Attributes:
        scores: B×K logits, trained with a cross-entropy of their own.
        spatial: A_s, B×1×T×h×w in [0, 1].
        temporal: A_t, B×1×T×1×1 in [0, 1].
        response: R, B×K×T×h×w ≥ 0: the response to each class that all of the above read.
    """

    scores: Tensor
    spatial: Tensor
    temporal: Tensor
    response: Tensor


class TemporalAttention(nn.Module):
    """A_t of ST-ABN: R, B×K×T×h×w, to one weight a frame, B×1×T×1×1 in [0, 1].

    3×3×3 conv K→1, BN, ReLU; T read as channels: 1×1 conv T→T, ReLU, average over h×w; linear
    T→T, ReLU, linear T→T, sigmoid.

    Args:
        num_classes: K.
        clip_len: T.
        norm_cfg: The norm layer's config.
    """

    def __init__(self, *, num_classes: int, clip_len: int, norm_cfg: dict[str, Any] | None) -> None:
        super().__init__()
        self.conv = nn.Conv3d(num_classes, 1, 3, padding=1, bias=False)
        self.bn = norm(norm_cfg, 1)
        self.mix = nn.Conv2d(clip_len, clip_len, 1, bias=False)
        self.fc1 = nn.Linear(clip_len, clip_len)
        self.fc2 = nn.Linear(clip_len, clip_len)

    def forward(self, response: Tensor) -> Tensor:
        x = torch.relu(self.bn(self.conv(response))).squeeze(1)
        x = torch.relu(self.mix(x)).mean(dim=(2, 3))
        x = torch.sigmoid(self.fc2(torch.relu(self.fc1(x))))
        return x[:, None, :, None, None]


@MODELS.register_module()
class AttentionBranch(BaseModule):
    """Features B×C×T×h×w to ``AttentionOutput``.

    Args:
        stage: The residual stage it owns: a copy of the perception branch's with spatial stride 1,
            so that the maps stay as fine as the features. Has ``out_channels``.
        num_classes: K.
        clip_len: T of the features; shapes the temporal part's linears.
        dropout_ratio: Before the class scores' linear.
        norm_cfg: The norm layers' config.
    """

    def __init__(
        self,
        *,
        stage: nn.Module,
        num_classes: int,
        clip_len: int,
        dropout_ratio: float = 0.5,
        norm_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        channels: int = stage.out_channels  # type: ignore[assignment]
        self.stage = stage
        self.bn_stage = norm(norm_cfg, channels)
        self.conv_response = nn.Conv3d(channels, num_classes, 1, bias=False)
        self.bn_response = norm(norm_cfg, num_classes)

        self.conv_scores = nn.Conv3d(num_classes, num_classes, 1, bias=False)
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc_scores = nn.Linear(num_classes * clip_len, num_classes)

        self.conv_spatial = nn.Conv3d(num_classes, 1, 1, bias=False)
        self.bn_spatial = norm(norm_cfg, 1)

        self.temporal = TemporalAttention(
            num_classes=num_classes, clip_len=clip_len, norm_cfg=norm_cfg
        )
        self._init()

    def _init(self) -> None:
        for name, module in self.named_modules():
            if name.startswith("stage"):
                continue  # whoever made the stage initialised it
            if isinstance(module, nn.Conv3d | nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.fc_scores.weight, std=0.01)
        nn.init.zeros_(self.fc_scores.bias)

    def scores(self, response: Tensor) -> Tensor:
        """B×K logits from R.

        The paper convolves, then averages over h×w. Both are linear, so averaging first gives the
        same and spares h·w times the work.
        """
        per_frame = self.conv_scores(response.mean(dim=(3, 4), keepdim=True))
        return self.fc_scores(self.dropout(per_frame.flatten(1)))

    def forward(self, features: Tensor) -> AttentionOutput:
        x = self.bn_stage(self.stage(features))
        response = torch.relu_(self.bn_response(self.conv_response(x)))
        return AttentionOutput(
            scores=self.scores(response),
            spatial=torch.sigmoid(self.bn_spatial(self.conv_spatial(response))),
            temporal=self.temporal(response),
            response=response,
        )
