"""A planted shortcut: a small mark in a corner that tells the class, or another one.

It stands still on the screen, before all that moves, like a station's logo. A network that reads it
needs no motion; whether one does can be measured where mark and class disagree.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace

import numpy as np

from mmaction.dataprep.motion_shapes.classes import CLASSES
from mmaction.dataprep.motion_shapes.video import Video, boxes_around
from mmaction.datasets.class_names import LABEL_MAPS

_SHARE = 8  # of the picture's height and width, one of so many
_SIDED = LABEL_MAPS["motion_shapes"]  # from a class to the one that its mirror image is
_COLORED = [name for name in CLASSES if name not in _SIDED.values()]


def mark_look(label: int, *, size: int) -> np.ndarray:
    """The mark of a class, the same for any seed: uint8, size/8×size/8×3, RGB.

    A hue a class; two classes that are each other's mirror image share one, and their marks, half
    white, are each other's mirror image, so that ``Flip`` makes one's mark the other's.

    Args:
        label: Class id.
        size: Height and width of the picture.
    """
    side = size // _SHARE
    name = CLASSES[label]
    partner = next((key for key, value in _SIDED.items() if value == name), name)
    hue = _COLORED.index(partner) / len(_COLORED)
    mark = np.empty((side, side, 3), np.uint8)
    mark[:] = np.rint(255 * np.array(colorsys.hsv_to_rgb(hue, 1, 1)))
    if partner in _SIDED:
        mark[:, side // 2 :] = 255
    return mark[:, ::-1].copy() if partner != name else mark


@dataclass(frozen=True)
class Mark:
    """What a mark tells and where it is.

    Attributes:
        label: The class it tells.
        bottom, right: In which corner it stands.
    """

    label: int
    bottom: bool
    right: bool


def draw_mark(rng: np.random.Generator, label: int, *, share: float) -> Mark:
    """Draw the mark of a video; the draws don't depend on its label.

    Args:
        rng: Source of randomness.
        label: The video's class.
        share: How likely the mark tells it, in [0, 1]; else it tells one of the others.
    """
    planted = rng.random() < share
    bottom, right = rng.integers(2, size=2).astype(bool)
    other = int(rng.integers(1, len(CLASSES)))
    told = label if planted else (label + other) % len(CLASSES)
    return Mark(told, bool(bottom), bool(right))


def put_mark(video: Video, mark: Mark) -> Video:
    """A video with a mark, whose pixels are no actor's any more, but a distractor's."""
    size = video.frames.shape[1]
    look = mark_look(mark.label, size=size)
    side, edge = len(look), size // 32
    top, left = (size - edge - side if far else edge for far in (mark.bottom, mark.right))
    place = np.s_[:, top : top + side, left : left + side]

    frames, masks = video.frames.copy(), video.actor_masks.copy()
    others = np.zeros_like(masks) if video.distractor_masks is None else video.distractor_masks
    distractors = others.copy()
    frames[place], masks[place], distractors[place] = look, False, True
    return replace(
        video,
        frames=frames,
        actor_masks=masks,
        actor_boxes=boxes_around(masks),
        distractor_masks=distractors,
        mark_label=mark.label,
    )
