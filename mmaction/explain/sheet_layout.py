"""Where things lie on a sheet, in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

MARGIN = 24
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


@dataclass(frozen=True)
class SheetLayout:
    """Where things lie in the grid below the header, in pixels.

    Attributes:
        maps: Whether overlays and bars stand below the frames, and a colour bar at their side.
    """

    frames: int
    columns: int
    bands: int
    column_width: int
    cell_width: int
    cell_height: int
    maps: bool

    @classmethod
    def of(cls, frames: int, height: int, width: int, *, maps: bool = True) -> SheetLayout:
        """Lay out ``frames`` frames of height×width pixels; alone, they grow by whole factors."""
        bands = ceil(frames / (8 if frames <= 32 else 16))
        columns = ceil(frames / bands)
        low, high = CELL_WIDTHS
        room = int(np.clip((GRID_WIDTH + COLUMN_GAP) // columns - COLUMN_GAP, low, high))
        scale = min(room / width, MAX_CELL_ASPECT * room / height)
        if not maps and scale >= 1:
            scale = int(scale)
        cell_width = max(1, round(width * scale))
        return cls(
            frames=frames,
            columns=columns,
            bands=bands,
            column_width=max(low, cell_width),
            cell_width=cell_width,
            cell_height=max(1, round(height * scale)),
            maps=maps,
        )

    @property
    def grid_left(self) -> int:
        """Where the first column begins."""
        return MARGIN + (LEFT_GUTTER if self.maps else 0)

    @property
    def grid_right(self) -> int:
        """Where the last column ends."""
        return self.grid_left + self.columns * (self.column_width + COLUMN_GAP) - COLUMN_GAP

    @property
    def width(self) -> int:
        """The whole sheet."""
        side = COLOR_BAR_GAP + SIDE_WIDTH if self.maps else 0
        return max(self.grid_right + side + MARGIN, MIN_WIDTH)

    @property
    def band_height(self) -> int:
        """Frame, overlay, bar and number, without the space to the next band."""
        maps = self.cell_height + GAP + BAR_HEIGHT if self.maps else 0
        return self.cell_height + GAP + maps + LABEL_HEIGHT

    @property
    def grid_height(self) -> int:
        """All bands."""
        return self.bands * (self.band_height + BAND_GAP) - BAND_GAP

    def column(self, frame: int) -> tuple[int, int]:
        """Return (top, left) of a frame's column."""
        band, column = divmod(frame, self.columns)
        left = self.grid_left + column * (self.column_width + COLUMN_GAP)
        return band * (self.band_height + BAND_GAP), left

    def pictures(self, frame: int) -> tuple[int, int, int]:
        """Return the top of a frame's picture, the top of its overlay, and the left of both."""
        top, left = self.column(frame)
        return top, top + self.cell_height + GAP, left + (self.column_width - self.cell_width) // 2

    def label(self, frame: int) -> tuple[int, int, int]:
        """Return the top of the numbers below a frame, and the left and right of their room."""
        top, left = self.column(frame)
        return top + self.band_height - LABEL_HEIGHT, left, left + self.column_width

    def track(self, frame: int) -> tuple[int, int, int, int]:
        """Return (top, bottom, left, right) of the ground of a frame's bar, ends excluded."""
        bottom, left, right = self.label(frame)
        return bottom - BAR_HEIGHT, bottom, left, right

    @property
    def color_bar(self) -> tuple[int, int, int, int]:
        """Return (top, bottom, left, right) of the colour bar, ends excluded."""
        left = self.grid_right + COLOR_BAR_GAP
        height = min(COLOR_BAR_MAX_HEIGHT, max(2 * self.cell_height + GAP, 180), self.grid_height)
        return 0, height, left, left + COLOR_BAR_WIDTH
