"""Backgrounds that say less: a frame of the clip itself, shining through all others."""

from __future__ import annotations

import cv2
import numpy as np

from mmaction.datasets.transforms.pipeline import Results, Transform
from mmaction.errors import ConfigError
from mmaction.registry import TRANSFORMS


@TRANSFORMS.register_module()
class MixStaticFrame(Transform):
    """Background erasing (Wang et al., CVPR 2021, arXiv:2009.05769), for training.

    One frame s of each clip, drawn at random, is mixed into all of its frames:
        x'(t) = (1 - w)·x(t) + w·x(s), w uniform in [0, ``most``].
    Motion stays what it was, up to the factor 1 - w; the place and its things become less to be
    relied on. ``PackClips`` does it, with the same s for all views of a sample.

    Args:
        prob: How often frames are mixed at all, in [0, 1].
        most: The highest w, in [0, 1).

    Raises:
        ConfigError: A value out of its range.
    """

    needs = ("frame_indices",)
    gives = ("static_frame",)

    def __init__(self, *, prob: float = 0.75, most: float = 0.5) -> None:
        if not 0 <= prob <= 1:
            raise ConfigError(f"MixStaticFrame: prob={prob}; it lies in [0, 1]")
        if not 0 <= most < 1:
            raise ConfigError(f"MixStaticFrame: most={most}; it lies in [0, 1)")
        self.prob, self.most = prob, most

    def __call__(self, results: Results) -> Results:
        rng, length = results["rng"], results["frame_indices"].shape[1]
        mixed, weight, frame = rng.random() < self.prob, rng.random(), int(rng.integers(length))
        if mixed:
            results["static_frame"] = (frame, self.most * weight)
        return results


def mix_static_frame(clip: np.ndarray, frame: int, weight: float) -> None:
    """Mixes a frame of a clip into all of them, in place.

    Args:
        clip: uint8, T×H×W×3.
        frame: Which, in [0, T).
        weight: Its share w of each new frame, in [0, 1).
    """
    static = clip[frame].copy()
    for each in clip:
        cv2.addWeighted(each, 1 - weight, static, weight, 0, dst=each)
