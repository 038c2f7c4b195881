"""Mixup and CutMix: clips of a batch blended with others, and their labels alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from torch import Tensor

from mmaction.environment import torchvision_transforms
from mmaction.errors import ConfigError

KINDS = ("MixUp", "CutMix")


class Blending:
    """One of several operators of torchvision, drawn for each batch.

    With λ of Beta(α, α), and clip i−1 beside clip i of the shuffled batch:

    - MixUp (arXiv:1710.09412): x'_i = λ·x_i + (1 − λ)·x_{i−1};
    - CutMix (arXiv:1905.04899): a box of 1 − λ of the picture, the same in all frames, is that of
      x_{i−1}; λ is then the share of the picture that is left.

    y'_i = λ·y_i + (1 − λ)·y_{i−1} in both, for the losses of all branches. Numbers come from
    torch's global generator on the CPU, which checkpoints keep.

    Args:
        operators: Configs: ``type`` one of :data:`KINDS`, ``alpha`` > 0 (default 1).
        num_classes: K.

    Raises:
        ConfigError: Another type or option, or no such number.
    """

    def __init__(self, operators: Sequence[Mapping[str, Any]], *, num_classes: int) -> None:
        for given in operators:
            alpha = given.get("alpha", 1.0)
            known = given.get("type") in KINDS and given.keys() <= {"type", "alpha"}
            if not known or not isinstance(alpha, int | float) or alpha <= 0:
                raise ConfigError(
                    f"model.blending: {dict(given)!r}: expected type='MixUp' or 'CutMix', and"
                    " alpha > 0 if you like"
                )
        self.operators = [dict(each) for each in operators]
        self.num_classes = num_classes

    @cached_property
    def _drawn(self) -> Any:
        """Imported with the first batch that is trained on: tests need no torchvision."""
        v2 = torchvision_transforms(of="model.blending")
        built = []
        for each in self.operators:
            kind = getattr(v2, each["type"])
            built.append(kind(alpha=each.get("alpha", 1.0), num_classes=self.num_classes))
        return v2.RandomChoice(built)

    def __call__(self, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Blends a batch.

        Args:
            clips: float, B×3×T×H×W.
            labels: int64, B, or float, B×K.

        Returns:
            Clips of the same shape, and shares of classes, float, B×K.
        """
        drawn = self._drawn
        from torchvision.tv_tensors import Video

        blended, shares = drawn(Video(clips), labels)
        return blended.as_subclass(Tensor), shares
