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
    """Where things lie in the grid below the header, in pixels."""

    frames: int
    columns: int
    bands: int
    column_width: int
    cell_width: int
    cell_height: int

    @classmethod
    def of(cls, frames: int, height: int, width: int) -> SheetLayout:
        """Lay out ``frames`` frames of height×width pixels."""
        bands = ceil(frames / (8 if frames <= 32 else 16))
        columns = ceil(frames / bands)
        low, high = CELL_WIDTHS
        room = int(np.clip((GRID_WIDTH + COLUMN_GAP) // columns - COLUMN_GAP, low, high))
        scale = min(room / width, MAX_CELL_ASPECT * room / height)
        cell_width = max(1, round(width * scale))
        return cls(
            frames=frames,
            columns=columns,
            bands=bands,
            column_width=max(low, cell_width),
            cell_width=cell_width,
            cell_height=max(1, round(height * scale)),
        )

    @property
    def grid_right(self) -> int:
        """Where the last column ends."""
        pitch = self.column_width + COLUMN_GAP
        return MARGIN + LEFT_GUTTER + self.columns * pitch - COLUMN_GAP

    @property
    def width(self) -> int:
        """The whole sheet."""
        return max(self.grid_right + COLOR_BAR_GAP + SIDE_WIDTH + MARGIN, MIN_WIDTH)

    @property
    def band_height(self) -> int:
        """Frame, overlay, bar and number, without the space to the next band."""
        return 2 * (self.cell_height + GAP) + BAR_HEIGHT + LABEL_HEIGHT

    @property
    def grid_height(self) -> int:
        """All bands."""
        return self.bands * (self.band_height + BAND_GAP) - BAND_GAP

    def column(self, frame: int) -> tuple[int, int]:
        """Return (top, left) of a frame's column."""
        band, column = divmod(frame, self.columns)
        left = MARGIN + LEFT_GUTTER + column * (self.column_width + COLUMN_GAP)
        return band * (self.band_height + BAND_GAP), left

    def pictures(self, frame: int) -> tuple[int, int, int]:
        """Return the top of a frame's picture, the top of its overlay, and the left of both."""
        top, left = self.column(frame)
        return top, top + self.cell_height + GAP, left + (self.column_width - self.cell_width) // 2

    def track(self, frame: int) -> tuple[int, int, int, int]:
        """Return (top, bottom, left, right) of the ground of a frame's bar, ends excluded."""
        top, left = self.column(frame)
        top += 2 * (self.cell_height + GAP)
        return top, top + BAR_HEIGHT, left, left + self.column_width

    @property
    def color_bar(self) -> tuple[int, int, int, int]:
        """Return (top, bottom, left, right) of the colour bar, ends excluded."""
        left = self.grid_right + COLOR_BAR_GAP
        height = min(COLOR_BAR_MAX_HEIGHT, max(2 * self.cell_height + GAP, 180), self.grid_height)
        return 0, height, left, left + COLOR_BAR_WIDTH
