"""Where things lie on a sheet, in pixels."""

from __future__ import annotations

from math import ceil

import numpy as np

MARGIN = 24
TOP = 20  # above the grid, for captions that reach beyond it
GAP = 6
COLUMN_GAP = 12
BAND_GAP = 24
LEFT_GUTTER = 26
COLOR_BAR_WIDTH = 16
COLOR_BAR_GAP = 20
COLOR_BAR_MAX_HEIGHT = 320
SIDE_WIDTH = 84  # colour bar, its numbers and its caption
BAR_HEIGHT = 44
LABEL_HEIGHT = 22
GRID_WIDTH = 1236
MIN_WIDTH = 840
CELL_WIDTHS = (104, 288)
MAX_CELL_ASPECT = 1.5  # height by width; taller frames get narrower


class SheetLayout:
    """The grid below the header; frames that stand there alone grow by whole factors.

    Args:
        frames: How many frames.
        height: Of a frame, in pixels.
        width: Likewise.
        maps: Whether overlays and bars stand below the frames, and a colour bar at their side.

    Attributes:
        width, height: Of all of it, in pixels.
        cell_width, cell_height: Of a picture, likewise.
        column_width: Of a picture and the number below it.
        columns, bands: How many stand beside and below each other.
    """

    def __init__(self, frames: int, height: int, width: int, *, maps: bool = True) -> None:
        self.bands = ceil(frames / (8 if frames <= 32 else 16))
        self.columns = ceil(frames / self.bands)
        low, high = CELL_WIDTHS
        room = int(np.clip((GRID_WIDTH + COLUMN_GAP) // self.columns - COLUMN_GAP, low, high))
        scale = min(room / width, MAX_CELL_ASPECT * room / height)
        if not maps and scale >= 1:
            scale = int(scale)
        self.cell_width = max(1, round(width * scale))
        self.cell_height = max(1, round(height * scale))
        self.column_width = max(low, self.cell_width)
        self.band_height = self.cell_height + GAP + LABEL_HEIGHT
        self.left, side = MARGIN, 0
        if maps:
            self.band_height += self.cell_height + GAP + BAR_HEIGHT
            self.left, side = MARGIN + LEFT_GUTTER, COLOR_BAR_GAP + SIDE_WIDTH
        self.right = self.left + self.columns * (self.column_width + COLUMN_GAP) - COLUMN_GAP
        self.bottom = TOP + self.bands * (self.band_height + BAND_GAP) - BAND_GAP
        self.width = max(self.right + side + MARGIN, MIN_WIDTH)
        self.height = self.bottom + MARGIN

    def band(self, number: int) -> int:
        """Return the top of a band."""
        return TOP + number * (self.band_height + BAND_GAP)

    def pictures(self, frame: int) -> tuple[int, int, int]:
        """Return the top of a frame's picture, the top of its overlay, and the left of both."""
        top, left = self.band(frame // self.columns), self._column(frame)
        return top, top + self.cell_height + GAP, left + (self.column_width - self.cell_width) // 2

    def label(self, frame: int) -> tuple[int, int, int]:
        """Return the top of the numbers below a frame, and the left and right of their room."""
        top, left = self.band(frame // self.columns), self._column(frame)
        return top + self.band_height - LABEL_HEIGHT, left, left + self.column_width

    def track(self, frame: int) -> tuple[int, int, int, int]:
        """Return (top, bottom, left, right) of the ground of a frame's bar, ends excluded."""
        bottom, left, right = self.label(frame)
        return bottom - BAR_HEIGHT, bottom, left, right

    @property
    def color_bar(self) -> tuple[int, int, int, int]:
        """Return (top, bottom, left, right) of the colour bar, ends excluded."""
        height = min(COLOR_BAR_MAX_HEIGHT, max(2 * self.cell_height + GAP, 180), self.bottom - TOP)
        left = self.right + COLOR_BAR_GAP
        return TOP, TOP + height, left, left + COLOR_BAR_WIDTH

    def _column(self, frame: int) -> int:
        return self.left + frame % self.columns * (self.column_width + COLUMN_GAP)
