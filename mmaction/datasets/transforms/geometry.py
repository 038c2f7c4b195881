"""Resize, crop and flip as arithmetic, so that the pixels are touched once.

A :class:`View` says which box of a frame becomes an output of which size. Transforms compose
views; :func:`render_view` makes the pixels at the very end, out of the region that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np


@dataclass(frozen=True)
class View:
    """A box of the source frame, shown as ``height``×``width`` pixels, mirrored if ``flipped``.

    Attributes:
        left, top: Corner of the box in source pixels.
        box_width, box_height: Size of the box in source pixels, > 0.
        width, height: Size of the output in pixels, >= 1.
        flipped: Mirrored left to right.
    """

    left: float
    top: float
    box_width: float
    box_height: float
    width: int
    height: int
    flipped: bool = False

    @classmethod
    def whole(cls, width: int, height: int) -> View:
        """The frame as it is."""
        return cls(0.0, 0.0, float(width), float(height), width, height)

    def resize(self, width: int, height: int) -> View:
        """The same box at another size."""
        return replace(self, width=width, height=height)

    def crop(self, left: int, top: int, width: int, height: int) -> View:
        """The part of the output with its corner at ``(left, top)``, in output pixels."""
        assert 0 <= left <= self.width - width, "crop leaves the view"
        assert 0 <= top <= self.height - height, "crop leaves the view"
        if self.flipped:
            left = self.width - left - width
        across, down = self.box_width / self.width, self.box_height / self.height
        return View(
            left=self.left + left * across,
            top=self.top + top * down,
            box_width=width * across,
            box_height=height * down,
            width=width,
            height=height,
            flipped=self.flipped,
        )

    def flip(self) -> View:
        """Mirrored left to right."""
        return replace(self, flipped=not self.flipped)

    def region(self) -> tuple[int, int, int, int]:
        """The box in whole source pixels: left, top, right, bottom, at least 1×1."""
        left, right = _whole_pixels(self.left, self.box_width)
        top, bottom = _whole_pixels(self.top, self.box_height)
        return left, top, right, bottom


def _whole_pixels(start: float, length: float) -> tuple[int, int]:
    """Round both ends; a box inside the frame stays inside, whose size is whole."""
    first, last = int(start + 0.5), int(start + length + 0.5)
    if last > first:
        return first, last
    return int(start), int(start) + 1


def render_view(frame: np.ndarray, view: View, out: np.ndarray, interpolation: int) -> None:
    """Resize the view's region of a frame straight into its place.

    Args:
        frame: uint8, H×W×3.
        view: What to show of it.
        out: uint8, contiguous, view.height×view.width×3.
        interpolation: cv2's constant.
    """
    left, top, right, bottom = view.region()
    size = (view.width, view.height)
    cv2.resize(frame[top:bottom, left:right], size, dst=out, interpolation=interpolation)
    if view.flipped:
        cv2.flip(out, 1, dst=out)
