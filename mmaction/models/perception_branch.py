"""The head that names the class: a stage, where it owns one, global average, dropout, linear."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmaction.registry import MODELS


@MODELS.register_module()
class PerceptionBranch(BaseModule):
    """Features B×C×T×h×w to logits B×K. In ST-ABN these are the network's answer.

    Args:
        stage: Module with ``out_channels`` that runs first: the last residual stage.
        num_classes: K.
        dropout_ratio: Before the linear.
    """

    def __init__(self, *, stage: nn.Module, num_classes: int, dropout_ratio: float = 0.5) -> None:
        super().__init__()
        self.stage = stage
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc = nn.Linear(stage.out_channels, num_classes)  # type: ignore[arg-type]
        nn.init.normal_(self.fc.weight, std=0.01)
        nn.init.zeros_(self.fc.bias)

    def forward(self, features: Tensor) -> Tensor:
        pooled = self.stage(features).mean(dim=(2, 3, 4))
        return self.fc(self.dropout(pooled))
