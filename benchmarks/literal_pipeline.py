"""The training transforms written down literally, step by step and frame by frame: the peer row."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np


def literal_training_clip(
    paths: Sequence[str],
    rng: np.random.Generator,
    *,
    short_side: int,
    size: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> np.ndarray:
    """Read, resize the short side, random resized crop, flip, jitter, normalise, stack.

    Returns:
        float32, 3×T×size×size.
    """
    flip = rng.random() < 0.5
    brightness, contrast, saturation = (1 + rng.uniform(-0.4, 0.4, 3)).astype(np.float32)
    hue = np.float32(rng.uniform(-0.1, 0.1))
    box = None
    frames = []
    for path in paths:
        frame = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        height, width = frame.shape[:2]
        scale = short_side / min(height, width)
        frame = cv2.resize(frame, (round(width * scale), round(height * scale)))
        if box is None:
            box = draw_box(rng, *frame.shape[:2])
        top, left, box_height, box_width = box
        frame = cv2.resize(frame[top : top + box_height, left : left + box_width], (size, size))
        if flip:
            frame = frame[:, ::-1]
        frame = jitter(frame, brightness, contrast, saturation, hue)
        frames.append((frame - np.float32(mean)) / np.float32(std))
    return np.ascontiguousarray(np.stack(frames).transpose(3, 0, 1, 2), dtype=np.float32)


def draw_box(rng: np.random.Generator, height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, height and width of a crop of 8 to 100 % of the area, 3:4 to 4:3 in shape."""
    while True:
        area = rng.uniform(0.08, 1) * height * width
        shape = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
        box_width, box_height = round(np.sqrt(area * shape)), round(np.sqrt(area / shape))
        if 0 < box_width <= width and 0 < box_height <= height:
            top = int(rng.integers(height - box_height + 1))
            return top, int(rng.integers(width - box_width + 1)), box_height, box_width


def jitter(
    frame: np.ndarray, brightness: float, contrast: float, saturation: float, hue: float
) -> np.ndarray:
    """Brightness, contrast, saturation and hue one after the other, in float."""
    image = np.clip(frame.astype(np.float32) * brightness, 0, 255)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    image = np.clip(contrast * image + (1 - contrast) * gray.mean(), 0, 255)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    image = np.clip(saturation * image + (1 - saturation) * gray, 0, 255)
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360 * hue) % 360
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
