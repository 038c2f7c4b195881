"""Colour jitter as one 3×4 matrix a sample, applied on the device together with normalisation.

Each step is affine in RGB on the scale 0..255, so their composition is too. Nothing is clipped in
between: values may leave 0..255, as they may after any normalisation.
"""

from __future__ import annotations

import math

import numpy as np

from mmaction.datasets.transforms.pipeline import Results, Transform
from mmaction.errors import ConfigError
from mmaction.registry import TRANSFORMS

MID_GREY = 127.5
LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
RGB_TO_YIQ = np.array([LUMINANCE, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
# Principal components of ImageNet's RGB on the scale 0..255 (Krizhevsky et al., NeurIPS 2012).
PCA_DEVIATIONS = np.array([55.4625, 4.7940, 1.1475])
PCA_DIRECTIONS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)


def identity() -> np.ndarray:
    """The map that changes nothing, float32, 3×4."""
    return np.eye(3, 4, dtype=np.float32)


def affine(linear: np.ndarray, offset: np.ndarray | float = 0.0) -> np.ndarray:
    """The map ``p -> linear @ p + offset``, 3×4."""
    return np.concatenate([linear, np.broadcast_to(offset, 3)[:, None]], axis=1)


def compose(first: np.ndarray, then: np.ndarray) -> np.ndarray:
    """The map that does ``first``, then ``then``; all 3×4."""
    return affine(then[:, :3] @ first[:, :3], then[:, :3] @ first[:, 3] + then[:, 3])


def brightness(factor: float) -> np.ndarray:
    """``factor · p``."""
    return affine(factor * np.eye(3))


def contrast(factor: float) -> np.ndarray:
    """``factor · (p - grey) + grey``, grey fixed at 127.5: no need to see the pixels first."""
    return affine(factor * np.eye(3), (1 - factor) * MID_GREY)


def saturation(factor: float) -> np.ndarray:
    """``factor · p + (1 - factor) · luminance(p)``."""
    return affine(factor * np.eye(3) + (1 - factor) * LUMINANCE)


def hue(turn: float) -> np.ndarray:
    """Turn the colour plane of YIQ by ``turn`` of a full circle; the luminance stays."""
    cos, sin = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
    rotation = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return affine(np.linalg.inv(RGB_TO_YIQ) @ rotation @ RGB_TO_YIQ)


def pca_noise(amounts: np.ndarray) -> np.ndarray:
    """Shift all pixels along the principal components, by ``amounts`` of their deviations."""
    return affine(np.eye(3), PCA_DIRECTIONS @ (PCA_DEVIATIONS * amounts))


@TRANSFORMS.register_module()
class ColorJitter(Transform):
    """Random colours, the same for every frame of a sample: brightness, contrast, saturation,
    hue, PCA noise, in this order.

    Args:
        brightness, contrast, saturation: b >= 0: the factor is drawn from
            ``[max(0, 1 - b), 1 + b]``.
        hue: h in [0, 0.5]: the turn is drawn from ``[-h, h]``.
        pca: Standard deviation of the amounts along the principal components, >= 0.
        prob: How often colours change at all, in [0, 1].
    """

    gives = ("color",)

    def __init__(
        self,
        *,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        pca: float = 0.0,
        prob: float = 1.0,
    ) -> None:
        for key, value, high in (
            ("brightness", brightness, math.inf),
            ("contrast", contrast, math.inf),
            ("saturation", saturation, math.inf),
            ("hue", hue, 0.5),
            ("pca", pca, math.inf),
            ("prob", prob, 1.0),
        ):
            if not 0 <= value <= high:
                raise ConfigError(f"ColorJitter: {key}={value}; it lies in [0, {high}]")
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        self.pca = pca
        self.prob = prob

    def __call__(self, results: Results) -> Results:
        rng = results["rng"]
        if rng.random() >= self.prob:
            return results
        color = results.get("color", identity())
        for step in (
            brightness(_factor(self.brightness, rng)),
            contrast(_factor(self.contrast, rng)),
            saturation(_factor(self.saturation, rng)),
            hue(rng.uniform(-self.hue, self.hue)),
            pca_noise(rng.normal(0.0, self.pca, size=3)),
        ):
            color = compose(color, step)
        results["color"] = color.astype(np.float32)
        return results


def _factor(strength: float, rng: np.random.Generator) -> float:
    return rng.uniform(max(0.0, 1 - strength), 1 + strength)
