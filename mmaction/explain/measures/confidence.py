"""Average drop and increase in confidence.

A. Chattopadhay, A. Sarkar, P. Howlader, V. N. Balasubramanian, "Grad-CAM++: Generalized
Gradient-based Visual Explanations for Deep Convolutional Networks", WACV 2018, section 4.1.
Y is the probability of the class for the clip, O that for the clip seen through its map.

    drop = max(0, Y - O) / Y            increase = 1 if O > Y, else 0

Both are averaged over videos. A map that lets everything through scores best at both, so neither
means much without insertion and deletion beside it.

Dimension letters: B clips, T frames, H×W pixels, h×w cells, K classes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmaction.explain.colormap import resize_maps, scale_clip
from mmaction.explain.measures.group import ClipBatch, MeasureGroup
from mmaction.explain.measures.importance import joint_importance
from mmaction.explain.measures.perturbation import Score
from mmaction.registry import MEASURES


@MEASURES.register_module(name="confidence")
class Confidence(MeasureGroup):
    """Drop and increase of the class that the network names."""

    name = "confidence"
    measures = ("average_drop", "increase")
    low_is_good = frozenset({"average_drop"})
    reads_maps = True

    def measure(
        self, explainer: str, batch: ClipBatch, spatial: np.ndarray, temporal: np.ndarray
    ) -> None:
        found = drop_and_increase(
            self.subject.score,
            batch.clips,
            spatial,
            temporal,
            targets=torch.from_numpy(batch.classes),
            black=self.subject.black,
        )
        for measure, values in zip(self.measures, found, strict=True):
            for position, value in zip(batch.positions, values, strict=True):
                self.table.put(explainer, measure, position, value)


def through_map(
    clips: Tensor,
    spatial: np.ndarray,
    temporal: np.ndarray,
    *,
    black: tuple[float, float, float],
) -> Tensor:
    """Clips that fade to black where the map is low: ``black + map · (clip - black)``.

    The map is the joint importance, stretched to [0, 1] over the whole clip and resized
    bilinearly. A map that is the same everywhere lets half of everything through.

    Args:
        clips: Normalised float, B×3×T×H×W.
        spatial: float, B×T×h×w.
        temporal: float, B×T.
        black: Black as the network gets it, normalised.
    """
    height, width = clips.shape[3:]
    joint = joint_importance(spatial, temporal)
    masks = np.stack([resize_maps(scale_clip(maps), height, width) for maps in joint])
    mask = torch.from_numpy(masks).to(clips)[:, None]
    dark = torch.tensor(black).to(clips).reshape(1, 3, 1, 1, 1)
    return dark + mask * (clips - dark)


def drop_and_increase(
    score: Score,
    clips: Tensor,
    spatial: np.ndarray,
    temporal: np.ndarray,
    *,
    targets: Tensor,
    black: tuple[float, float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Drop in [0, 1] and increase, 0 or 1, of each clip.

    Args:
        score: Clips to probabilities.
        clips: Normalised float, B×3×T×H×W.
        spatial: float, B×T×h×w.
        temporal: float, B×T.
        targets: int64, B: the class whose probability is read.
        black: Black as the network gets it, normalised.

    Returns:
        float64 B and float64 B.
    """
    masked = through_map(clips, spatial, temporal, black=black)
    index = targets.to(clips.device)[:, None]
    whole, part = (score(x).gather(1, index)[:, 0].double().cpu().numpy() for x in (clips, masked))
    return np.maximum(0, whole - part) / whole, (part > whole).astype(np.float64)
