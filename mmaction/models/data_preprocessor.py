"""The last step before the network: to the device, then one affine map of RGB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmaction.errors import ConfigError
from mmaction.ops import affine_clips
from mmaction.registry import MODELS

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@MODELS.register_module()
class ClipPreprocessor(BaseDataPreprocessor):
    """Collated uint8 clips to normalised float clips in the network's layout.

    A clip's colour jitter and the normalisation are both affine in RGB, so they are composed into
    one 3×4 map a clip and applied in one pass. Nothing after this knows of means and deviations.
    The clips lie channels-last, which 3D convolutions run faster on.

    Args:
        mean: Of R, G and B, on the scale 0 to 255.
        std: Likewise; each > 0.
    """

    def __init__(
        self,
        *,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        super().__init__(non_blocking=True)
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ConfigError(
                f"data_preprocessor mean={mean!r}, std={std!r}: "
                "expected three values each, for R, G and B, std above 0"
            )
        self.mean, self.std = tuple(map(float, mean)), tuple(map(float, std))
        scale = 1 / torch.tensor(std, dtype=torch.float64)
        shift = -torch.tensor(mean, dtype=torch.float64) * scale
        normalise = torch.cat([torch.diag(scale), shift[:, None]], dim=1).float()
        self.register_buffer("normalise", normalise, persistent=False)

    def affine(self, color: Tensor) -> Tensor:
        """Colour maps N×3×4 on RGB in 0..255, each followed by the normalisation."""
        scale, shift = self.normalise[:, :3], self.normalise[:, 3]
        with torch.autocast(color.device.type, enabled=False):
            composed = scale @ color
        composed[..., 3] += shift
        return composed

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Moves a batch to the device and finishes it.

        Args:
            data: From ``collate_clips``: ``inputs`` uint8 B×V×T×H×W×3, ``color`` float32 B×3×4,
                ``samples``, B of them. Or ``features`` in the place of the first two.

        Returns:
            The recognizer's arguments: ``clips`` float32 (B·V)×3×T×H×W, the views of a video one
            after another; ``labels`` int64 B, or B×L filled up with -1 where some have several, or
            None where a sample has none (or there are no samples, for a part of a batch);
            ``samples``. Or ``features`` float32 in the place of clips.
        """
        samples = data["samples"]
        labels = None
        if samples and all(s.label is not None for s in samples):
            # From ordinary memory a copy would wait for what the GPU has yet to do.
            pinned = self.device.type == "cuda"
            most = max(len(s.more_labels) for s in samples)
            rows = [[s.label, *s.more_labels, *[-1] * (most - len(s.more_labels))] for s in samples]
            labels = torch.tensor(rows, pin_memory=pinned)
            labels = labels if most else labels[:, 0]
            labels = labels.to(self.device, non_blocking=True)
        if "features" in data:
            features = data["features"].to(self.device, non_blocking=True).float()
            features = features.contiguous(memory_format=torch.channels_last_3d)
            return dict(features=features, labels=labels, samples=samples)
        inputs = data["inputs"].to(self.device, non_blocking=True)
        color = data["color"].to(self.device, non_blocking=True)
        views = inputs.shape[1]
        matrix = self.affine(color).repeat_interleave(views, dim=0)
        clips = affine_clips(inputs.flatten(0, 1), matrix)
        return dict(clips=clips, labels=labels, samples=samples)
