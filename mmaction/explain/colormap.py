"""Maps into colours: one scale a clip, resized as floats, then coloured through a table of 256."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from mmaction.ops.global_motion import warped

# The page offers all of them; pictures and films have the first one, which it begins with.
COLORMAPS = ("viridis", "jet", "magma", "inferno", "cividis", "turbo")
OPACITY = 0.6  # share of the map's colour over a frame
# OpenCV takes up to 128 channels an image (512 before version 5).
_MAX_CHANNELS = 128


@cache
def color_table(colormap: str = COLORMAPS[0]) -> np.ndarray:
    """Return a colour map of matplotlib's as uint8 RGB, 256×3, lowest value first; read-only."""
    import matplotlib  # takes a tenth of a command's start, and most ask for no picture

    table = matplotlib.colormaps[colormap](np.arange(256), bytes=True)[:, :3].copy()
    table.flags.writeable = False
    return table


def scale_clip(maps: np.ndarray) -> np.ndarray:
    """Stretch the maps of a clip to [0, 1] by ONE lowest and ONE highest value of the whole clip.

    Frames stay comparable: a frame in which nothing was looked at stays dark. A map that is the
    same everywhere becomes 0.5, neither low nor high.

    Args:
        maps: float, T×h×w.

    Returns:
        float32 in [0, 1], T×h×w.
    """
    maps = np.asarray(maps, dtype=np.float32)
    low, high = maps.min(), maps.max()
    # Differences that float32 can't tell from rounding are none.
    if high - low <= np.finfo(np.float32).eps * max(abs(low), abs(high)):
        return np.full_like(maps, 0.5)
    # Divide first: (high - low) may be so small that its reciprocal overflows.
    return np.clip((maps - low) / (high - low), 0, 1)


def resize_maps(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize maps bilinearly as floats (half-pixel centres, edges repeated).

    Args:
        maps: float, T×h×w.
        height: H, in pixels.
        width: W, in pixels.

    Returns:
        float32, T×H×W; no value leaves the range of ``maps``.
    """
    maps = np.asarray(maps, dtype=np.float32)
    resized = np.empty((len(maps), height, width), dtype=np.float32)
    # Frames as channels of one image: several times quicker than one frame after another.
    for start in range(0, len(maps), _MAX_CHANNELS):
        stop = start + _MAX_CHANNELS
        image = np.ascontiguousarray(maps[start:stop].transpose(1, 2, 0))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        resized[start:stop] = image.reshape(height, width, -1).transpose(2, 0, 1)
    return np.clip(resized, maps.min(), maps.max(), out=resized)


def as_filmed(
    frames: np.ndarray, maps: np.ndarray, motions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Frames and maps of a clip that ``Stabilize`` made, back where they were filmed.

    What the network did not see of a frame is black, and has the clip's lowest value.

    Args:
        frames: uint8 RGB, T×H×W×3.
        maps: float, T×h×w.
        motions: float64, T×3×3, from the frames as they were filmed to these.

    Returns:
        uint8, T×H×W×3, and float32, T×H×W.
    """
    height, width = frames.shape[1:3]
    pictures, shown = np.empty_like(frames), resize_maps(maps, height, width)
    low = shown.min()
    for t, back in enumerate(np.linalg.inv(motions)):
        pictures[t], _ = warped(frames[t], back)
        placed, seen = warped(shown[t], back)
        shown[t] = np.where(seen, placed, low)
    return pictures, shown


def overlay(frames: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Lay maps over frames, each level in the nearest of 256 colours.

    Maps of another size are resized before they are coloured.

    Args:
        frames: uint8 RGB, T×H×W×3.
        maps: float in [0, 1], T×h×w, already on the clip's scale (:func:`scale_clip`).

    Returns:
        uint8 RGB, T×H×W×3.
    """
    height, width = frames.shape[1:3]
    levels = np.rint(np.clip(resize_maps(maps, height, width), 0, 1) * np.float32(255))
    # The table is RGB on both sides, so OpenCV's habit of BGR doesn't come in here.
    table = color_table().reshape(256, 1, 3)
    colors = cv2.applyColorMap(levels.astype(np.uint8).reshape(-1, width), table)
    rows = np.ascontiguousarray(frames).reshape(-1, width, 3)
    return cv2.addWeighted(rows, 1 - OPACITY, colors, OPACITY, 0).reshape(frames.shape)


def limited(height: int, width: int, *, longest: int) -> tuple[int, int]:
    """Return the size of a picture that is made smaller where its longer side is too long.

    Args:
        height, width: Its size.
        longest: What a side may have.
    """
    longer = max(height, width, longest)
    return max(1, height * longest // longer), max(1, width * longest // longer)


def resize_frames(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize frames, smoothly when up and by areas when down.

    Args:
        frames: uint8, T×H×W×3.
        height, width: The new size.
    """
    if frames.shape[1:3] == (height, width):
        return frames
    down = frames.shape[1] > height
    how = cv2.INTER_AREA if down else cv2.INTER_CUBIC
    return np.stack([cv2.resize(frame, (width, height), interpolation=how) for frame in frames])


def to_gray(frames: np.ndarray) -> np.ndarray:
    """Take the colours out of uint8 RGB frames T×H×W×3, so that colour over them is attention."""
    rows = np.ascontiguousarray(frames).reshape(-1, frames.shape[2], 3)
    gray = cv2.cvtColor(rows, cv2.COLOR_RGB2GRAY)
    return cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB).reshape(frames.shape)
