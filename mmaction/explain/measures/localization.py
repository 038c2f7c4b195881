"""Does the map lie on the actor, and its temporal weight in the action?

J. Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016 / IJCV 2018 (the
pointing game); H. Wang et al., "Score-CAM", CVPR Workshops 2020 (the energy-based one).

Maps are resized bilinearly to the clip's pixels, as the sheets show them. All but ``pointing_clip``
look only at frames in which the action goes on and the actor is in the picture; where a clip has
none, there is nothing to say (NaN). Where several pixels or frames share the highest value, the hit
rate expected of a random one of them is taken: a constant map scores as chance does.

Where the ground truth knows of bodies that move but don't act, :data:`DISTRACTED` is the share of
frames whose highest pixel lies on one of them and not on the actor, each grown by the tolerance.

Beside each goes its chance level, that of a map that is the same everywhere. The
temporal IoU takes the best threshold, from which noise gains as well: read it beside ``random``.

Dimension letters: T frames, H×W pixels, h×w cells.
"""

from __future__ import annotations

import cv2
import numpy as np

from mmaction.errors import DataError
from mmaction.explain.colormap import resize_maps
from mmaction.explain.measures.group import ClipBatch, MeasureGroup, NotMeasurable
from mmaction.explain.measures.importance import joint_importance
from mmaction.explain.measures.table import CHANCE
from mmaction.explain.measures.truth_files import GroundTruth
from mmaction.registry import MEASURES

SPATIAL = ("pointing", "pointing_clip", "energy")
TEMPORAL = ("temporal_pointing", "temporal_energy", "temporal_iou")
LOCALIZATION = (*SPATIAL, *TEMPORAL)
DISTRACTED = "pointing_distractor"


@MEASURES.register_module(name="localization")
class Localization(MeasureGroup):
    """Pointing and energy, in space and in time, of videos that the network recognises."""

    name = "localization"
    measures = (*LOCALIZATION, DISTRACTED)
    low_is_good = frozenset({DISTRACTED})
    reads_maps = True

    def check(self) -> None:
        try:
            self.subject.truth(0)
        except DataError as error:
            # A ground truth that is named but does not fit is a mistake, not a lack.
            if self.subject.reader is not None:
                raise
            raise NotMeasurable(str(error)) from error

    def measure(
        self, explainer: str, batch: ClipBatch, spatial: np.ndarray, temporal: np.ndarray
    ) -> None:
        tolerance_px = self.options.tolerance_px
        for i, position in enumerate(batch.positions):
            wrong = self.subject.labels[position] not in (batch.classes[i], -1)
            flat = np.ones_like(spatial[i]), np.ones_like(temporal[i])
            for row, maps in ((explainer, (spatial[i], temporal[i])), (CHANCE, flat)):
                found = localization(*maps, batch.truths[i], tolerance_px=tolerance_px)
                for measure, value in found.items():
                    value = np.nan if wrong and self.options.only_correct else value
                    self.table.put(row, measure, position, value)


def localization(
    spatial: np.ndarray, temporal: np.ndarray, truth: GroundTruth, *, tolerance_px: float = 0.0
) -> dict[str, float]:
    """:data:`LOCALIZATION` of one clip, each in [0, 1] or NaN; :data:`DISTRACTED`, where known.

    Args:
        spatial: float, T×h×w.
        temporal: float, T.
        truth: Masks of the clip's pixels.
        tolerance_px: Pointing hits within this many pixels of the mask.
    """
    height, width = truth.masks.shape[1:]
    maps = resize_maps(spatial, height, width)
    joint = resize_maps(joint_importance(spatial[None], temporal[None])[0], height, width)
    targets = np.stack([grown(mask, tolerance_px) for mask in truth.masks])
    shown = truth.acting & truth.masks.any(axis=(1, 2))
    found = {
        "pointing": pointing(maps, targets, shown),
        "pointing_clip": hit_rate(joint, targets) if truth.masks.any() else np.nan,
        "energy": energy(maps[shown], truth.masks[shown]),
    }
    if truth.distractors is not None:
        others = np.stack([grown(mask, tolerance_px) for mask in truth.distractors])
        found[DISTRACTED] = pointing(maps, others & ~targets, shown)
    for name, measure in zip(TEMPORAL, (hit_rate, energy, best_iou), strict=True):
        found[name] = measure(temporal, truth.acting) if truth.acting.any() else np.nan
    return found


def pointing(maps: np.ndarray, targets: np.ndarray, shown: np.ndarray) -> float:
    """Share of the frames ``shown`` (bool, T) whose highest pixel lies in the target; or NaN.

    Args:
        maps: float, T×H×W.
        targets: bool, T×H×W: the masks, grown by the tolerance.
        shown: bool, T.
    """
    hits = [hit_rate(maps[t], targets[t]) for t in np.flatnonzero(shown)]
    return float(np.mean(hits)) if hits else np.nan


def hit_rate(values: np.ndarray, target: np.ndarray) -> float:
    """Share of the highest among ``values`` that lie in ``target`` (bool, of the same shape)."""
    return float(target[values == values.max()].mean())


def energy(values: np.ndarray, target: np.ndarray) -> float:
    """Share of the mass of ``values`` that lies in ``target``: Σ in the target / Σ everywhere.

    Negative values have no mass. Where there is none at all, it counts as spread evenly; NaN where
    there are no values.
    """
    if values.size == 0:
        return np.nan
    mass = np.maximum(np.asarray(values, dtype=np.float64), 0)
    total = mass.sum()
    return float(mass[target].sum() / total) if total > 0 else float(target.mean())


def best_iou(weights: np.ndarray, acting: np.ndarray) -> float:
    """The highest intersection over union of {weight ≥ θ} and the action's frames, over all θ."""
    chosen = weights >= np.unique(weights)[:, None]
    return float(((chosen & acting).sum(axis=1) / (chosen | acting).sum(axis=1)).max())


def grown(mask: np.ndarray, reach_px: float) -> np.ndarray:
    """The pixels of ``mask`` (bool, H×W) and all whose centres lie within ``reach_px`` of one."""
    if reach_px <= 0 or not mask.any() or mask.all():
        return mask
    # Distance of each pixel outside to the nearest one of the mask.
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance <= reach_px + 1e-4
