"""What explainers do with maps: in time, as noise, smoothed.

Dimension letters: B clips, T frames, T' steps in time of the features, h×w cells.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Gaussian that takes shape and place from what is seen: as a share of the shorter side, and, so
# that motion goes too, in frames.
BLUR_SIDE_SHARE = 1 / 8
BLUR_FRAMES = 2.0


def frame_means(spatial: Tensor) -> Tensor:
    """Temporal weights of a method without its own: B×T×h×w to the mean of each frame, B×T.

    The sum over a frame divided by its number of cells, so that it doesn't grow with the map.
    """
    return spatial.mean(dim=(2, 3))


def per_frame(maps: Tensor, frames: int) -> Tensor:
    """B×T'×h×w as B×T×h×w: under a temporal stride each step stands for its frames.

    Args:
        maps: float, B×T'×h×w.
        frames: T. Frame t takes step ⌊t·T'/T⌋: for a T that the stride divides, each step repeats.
    """
    steps = maps.shape[1]
    if steps == frames:
        return maps
    return maps[:, torch.arange(frames, device=maps.device) * steps // frames]


def smooth(values: Tensor, sigma: float, *, dims: tuple[int, ...]) -> Tensor:
    """Gaussian blur along some dimensions, the edges repeated.

    Args:
        values: float, any shape.
        sigma: Standard deviation in elements; 0 leaves the values as they are. The kernel reaches
            three of them to each side.
        dims: The dimensions to blur along.

    Returns:
        float, the shape of ``values``; no value leaves their range but for rounding.
    """
    radius = math.ceil(3 * sigma)
    if radius == 0:
        return values
    offsets = torch.arange(-radius, radius + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = (kernel / kernel.sum())[None, None]
    for dim in dims:
        moved = values.movedim(dim, -1)
        rows = moved.reshape(-1, 1, moved.shape[-1])
        blurred = F.conv1d(F.pad(rows, (radius, radius), mode="replicate"), kernel)
        values = blurred.reshape(moved.shape).movedim(-1, dim)
    return values


def blurred(clips: Tensor) -> Tensor:
    """Gaussian blur of clips over space and time, edges repeated.

    Over space by :data:`BLUR_SIDE_SHARE` of the shorter side (standard deviation), over time by
    :data:`BLUR_FRAMES` frames.

    Args:
        clips: float, …×T×H×W.
    """
    sigma = BLUR_SIDE_SHARE * min(clips.shape[-2:])
    for dim, deviation in ((-3, BLUR_FRAMES), (-2, sigma), (-1, sigma)):
        clips = smooth(clips, deviation, dims=(dim,))
    return clips
