"""Noise that belongs to a clip: the same again for the same pixels, in any batch.

Dimension letters: B clips, T frames, h×w cells of a map.
"""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

# How fine the maps of the controls are by default: as the features of a 224² clip.
CONTROL_GRID = (14, 14)


def clip_noise(clips: Tensor, grid: tuple[int, ...], *, seed: int) -> Tensor:
    """Uniform noise for each clip, drawn by a generator that its pixels and ``seed`` start.

    Args:
        clips: float, B×3×T×H×W.
        grid: (h, w).
        seed: In ``[0, 2**31)``; another seed gives other noise for the same clip.

    Returns:
        float32 in [0, 1), B×T×h×w, on the clips' device.
    """
    noise = []
    for clip in clips:
        # The generator takes in 32 bits of its seed and no more: as many as the checksum has.
        checksum = zlib.crc32(clip.float().cpu().contiguous().numpy().tobytes(), seed)
        generator = torch.Generator().manual_seed(checksum)
        noise.append(torch.rand(clip.shape[1], *grid, generator=generator))
    return torch.stack(noise).to(clips.device)
