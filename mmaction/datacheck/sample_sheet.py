"""One picture of a sample: every frame of every view, as the network is given them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from mmaction.explain.sheet import fitted, font
from mmaction.ops import affine_clips

_MARGIN, _GAP, _VIEW_GAP = 16, 6, 18
_SMALL, _LARGE = 13, 18
_NUMBER_HEIGHT, _VIEW_HEIGHT, _TITLE_HEIGHT = 18, 24, 56
_MOST_WIDTH = 1400  # of a row of frames
_TINY, _MAGNIFIED = 96, 2
_PAPER, _INK, _FAINT = (255, 255, 255), (26, 28, 32), (98, 104, 114)


def colored(inputs: Tensor, color: Tensor) -> np.ndarray:
    """A sample's pixels with its colour map applied, rounded and clipped, not normalised.

    Args:
        inputs: uint8 RGB, V×T×H×W×3.
        color: float32, 3×4, affine map of RGB in 0..255.

    Returns:
        uint8 RGB, V×T×H×W×3.
    """
    planes = affine_clips(inputs, color.expand(len(inputs), 3, 4).contiguous())
    pixels: np.ndarray = planes.permute(0, 2, 3, 4, 1).numpy()
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def draw_sheet(views: np.ndarray, numbers: np.ndarray, *, title: str, subtitle: str) -> np.ndarray:
    """Frames in rows of up to eight (sixteen, for more than 32), one view below the other.

    Pixels are shown as they are, except that frames too wide for a row are made smaller, and tiny
    ones twice as large.

    Args:
        views: uint8 RGB, V×T×H×W×3.
        numbers: int, V×T: what is written below the frames.
        title: The first line.
        subtitle: The second.

    Returns:
        uint8 RGB, height×width×3.
    """
    layout = _Layout.of(*views.shape[:4])
    image = Image.new("RGB", (layout.width, layout.height), _PAPER)
    draw = ImageDraw.Draw(image)
    room = layout.width - 2 * _MARGIN
    draw.text((_MARGIN, _MARGIN), fitted(title, _LARGE, room), _INK, font(_LARGE))
    draw.text((_MARGIN, _MARGIN + 26), fitted(subtitle, _SMALL, room), _FAINT, font(_SMALL))
    for view, frames in enumerate(views):
        if len(views) > 1:
            text = f"view {view + 1} of {len(views)}"
            draw.text((_MARGIN, layout.view_top(view)), text, _INK, font(_SMALL))
        for time, frame in enumerate(frames):
            left, top = layout.corner(view, time)
            image.paste(Image.fromarray(layout.cell(frame)), (left, top))
            number = fitted(str(numbers[view, time]), _SMALL, layout.cell_width)
            middle = left + layout.cell_width // 2
            under = (middle, top + layout.cell_height + 2)
            draw.text(under, number, _FAINT, font(_SMALL), anchor="ma")
    return np.asarray(image)


@dataclass(frozen=True)
class _Layout:
    """Where things lie, in pixels."""

    views: int
    view_heading: int
    columns: int
    rows: int
    cell_width: int
    cell_height: int

    @classmethod
    def of(cls, views: int, frames: int, height: int, width: int) -> _Layout:
        rows = ceil(frames / (8 if frames <= 32 else 16))
        columns = ceil(frames / rows)
        scale = min(1.0, _MOST_WIDTH / (columns * width))
        if width < _TINY and columns * width * _MAGNIFIED <= _MOST_WIDTH:
            scale = _MAGNIFIED
        return cls(
            views=views,
            view_heading=_VIEW_HEIGHT if views > 1 else 0,
            columns=columns,
            rows=rows,
            cell_width=max(1, int(width * scale)),
            cell_height=max(1, int(height * scale)),
        )

    @property
    def width(self) -> int:
        """Of the whole sheet; a title has some room even above a single frame."""
        row = self.columns * (self.cell_width + _GAP) - _GAP
        return max(row, 480) + 2 * _MARGIN

    @property
    def view_height(self) -> int:
        return self.view_heading + self.rows * (self.cell_height + _NUMBER_HEIGHT + _GAP)

    @property
    def height(self) -> int:
        views = self.views * (self.view_height + _VIEW_GAP) - _VIEW_GAP
        return 2 * _MARGIN + _TITLE_HEIGHT + views

    def view_top(self, view: int) -> int:
        return _MARGIN + _TITLE_HEIGHT + view * (self.view_height + _VIEW_GAP)

    def corner(self, view: int, time: int) -> tuple[int, int]:
        """Left and top of a frame."""
        row, column = divmod(time, self.columns)
        top = self.view_top(view) + self.view_heading
        return (
            _MARGIN + column * (self.cell_width + _GAP),
            top + row * (self.cell_height + _NUMBER_HEIGHT + _GAP),
        )

    def cell(self, frame: np.ndarray) -> np.ndarray:
        """A frame at the size it is shown in; magnified pixels stay square."""
        smaller = self.cell_width < frame.shape[1]
        how = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
        return cv2.resize(frame, (self.cell_width, self.cell_height), interpolation=how)
