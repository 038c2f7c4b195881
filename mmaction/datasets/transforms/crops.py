"""Crops: which part of the frames a view keeps. The same for every frame and clip of a sample."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from mmaction.datasets.transforms.geometry import Size, View, height_width
from mmaction.datasets.transforms.pipeline import Results, Transform
from mmaction.errors import ConfigError, DataError
from mmaction.registry import TRANSFORMS


class _Crop(Transform):
    """A crop to a fixed size; subclasses say which views one view becomes.

    Attributes:
        crops: How many views.
        middle_crop: Which of them, from 0 on, shows the middle of the frame.
    """

    needs = ("views",)
    crops: ClassVar[int] = 1
    middle_crop: ClassVar[int] = 0

    def __init__(self, *, size: Size) -> None:
        self.height, self.width = height_width(type(self).__name__, size)

    def __call__(self, results: Results) -> Results:
        views = []
        for view in results["views"]:
            self._check_fits(view, results["name"])
            views += self._crops(view, results["rng"])
        results["views"] = views
        return results

    @abstractmethod
    def _crops(self, view: View, rng: np.random.Generator) -> list[View]:
        """The views that one becomes."""

    def _check_fits(self, view: View, name: str) -> None:
        if view.width < self.width or view.height < self.height:
            raise DataError(
                f"'{name}': {type(self).__name__} of {self.width}×{self.height} pixels is larger"
                f" than the {view.width}×{view.height} frame; put a Resize before it"
            )


@TRANSFORMS.register_module()
class CenterCrop(_Crop):
    """The middle of the frame.

    Args:
        size: Pixels, one number for a square or (height, width).
    """

    def _crops(self, view: View, rng: np.random.Generator) -> list[View]:
        left, top = (view.width - self.width) // 2, (view.height - self.height) // 2
        return [view.crop(left, top, self.width, self.height)]


@TRANSFORMS.register_module()
class RandomCrop(_Crop):
    """Any part of the frame of that size.

    Args:
        size: Pixels, one number for a square or (height, width).
    """

    def _crops(self, view: View, rng: np.random.Generator) -> list[View]:
        left = int(rng.integers(view.width - self.width, endpoint=True))
        top = int(rng.integers(view.height - self.height, endpoint=True))
        return [view.crop(left, top, self.width, self.height)]


@TRANSFORMS.register_module()
class ThreeCrop(_Crop):
    """Three views: both ends and then the middle of the longer side, centred on the other.

    In mmaction2's order and places: where the rest is odd, its last pixel is in no view.

    Args:
        size: Pixels, one number for a square or (height, width).
    """

    crops, middle_crop = 3, 2

    def _crops(self, view: View, rng: np.random.Generator) -> list[View]:
        right, bottom = view.width - self.width, view.height - self.height
        across, down = right // 2, bottom // 2
        if view.width >= view.height:
            corners = [(0, down), (2 * across, down), (across, down)]
        else:
            corners = [(across, 0), (across, 2 * down), (across, down)]
        return [view.crop(left, top, self.width, self.height) for left, top in corners]


@TRANSFORMS.register_module()
class TenCrop(_Crop):
    """Ten views: the four corners and the centre, then the same mirrored.

    Not for classes that a mirror image turns into others: the label stays as it is.

    Args:
        size: Pixels, one number for a square or (height, width).
    """

    crops, middle_crop = 10, 4

    def _crops(self, view: View, rng: np.random.Generator) -> list[View]:
        right, bottom = view.width - self.width, view.height - self.height
        corners = [(0, 0), (right, 0), (0, bottom), (right, bottom), (right // 2, bottom // 2)]
        crops = [view.crop(left, top, self.width, self.height) for left, top in corners]
        return crops + [crop.flip() for crop in crops]


class _ResizedCrop(Transform):
    """A part of the frame, resized; subclasses say which part."""

    needs = ("views",)

    def __init__(self, *, size: Size) -> None:
        self.height, self.width = height_width(type(self).__name__, size)

    def __call__(self, results: Results) -> Results:
        first = results["views"][0]
        box = self._box(first.width, first.height, results["rng"])
        results["views"] = [
            view.crop(*box).resize(self.width, self.height) for view in results["views"]
        ]
        return results

    @abstractmethod
    def _box(self, width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        """Left, top, width and height of the part of a frame to keep."""


@TRANSFORMS.register_module()
class RandomResizedCrop(_ResizedCrop):
    """A random part of the frame, by area and shape, resized (Szegedy et al., CVPR 2015).

    Ten tries are made for a box that fits; then the largest centred one of a shape within
    ``ratio`` is taken, as torchvision does.

    Args:
        size: Output pixels, one number for a square or (height, width).
        scale: Least and greatest share of the frame's area, in (0, 1].
        ratio: Least and greatest width / height; drawn evenly in its logarithm.
    """

    def __init__(
        self,
        *,
        size: Size,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
    ) -> None:
        super().__init__(size=size)
        if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
            raise ConfigError(
                f"RandomResizedCrop: scale={scale!r}; it is (low, high), 0 < low <= high <= 1"
            )
        if len(ratio) != 2 or not 0 < ratio[0] <= ratio[1]:
            raise ConfigError(f"RandomResizedCrop: ratio={ratio!r}; it is (low, high), 0 < low")
        self.scale = scale
        self.ratio = ratio

    def _box(self, width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        for _ in range(10):
            area = width * height * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            box_width, box_height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < box_width <= width and 0 < box_height <= height:
                left = int(rng.integers(width - box_width, endpoint=True))
                top = int(rng.integers(height - box_height, endpoint=True))
                return left, top, box_width, box_height
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        box_width = max(min(width, round(height * ratio)), 1)
        box_height = max(min(height, round(width / ratio)), 1)
        return (width - box_width) // 2, (height - box_height) // 2, box_width, box_height


@TRANSFORMS.register_module()
class MultiScaleCrop(_ResizedCrop):
    """A box of one of a few sizes at one of a few places, resized (TSN, Wang et al., ECCV 2016).

    Args:
        size: Output pixels, one number for a square or (height, width).
        scales: Shares of the frame's short side; the box's width and height are two of them.
        max_distort: How many steps in ``scales`` width and height may lie apart.
        num_positions: 5 (corners, centre), 13 (and the places between them) or None: anywhere.
    """

    def __init__(
        self,
        *,
        size: Size,
        scales: Sequence[float] = (1.0, 0.875, 0.75, 0.66),
        max_distort: int = 1,
        num_positions: int | None = 13,
    ) -> None:
        super().__init__(size=size)
        if not scales or not all(0 < scale <= 1 for scale in scales):
            raise ConfigError(f"MultiScaleCrop: scales={scales!r}; they are shares in (0, 1]")
        if num_positions not in (5, 13, None):
            raise ConfigError(f"MultiScaleCrop: num_positions={num_positions}; 5, 13 or None")
        self.pairs = [
            (across, down)
            for i, across in enumerate(scales)
            for j, down in enumerate(scales)
            if abs(i - j) <= max_distort
        ]
        self.num_positions = num_positions

    def _box(self, width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        across, down = self.pairs[rng.integers(len(self.pairs))]
        short = min(width, height)
        box_width, box_height = max(int(short * across), 1), max(int(short * down), 1)
        right, bottom = width - box_width, height - box_height  # the last places of its corner
        if self.num_positions is None:
            left = int(rng.integers(right, endpoint=True))
            return left, int(rng.integers(bottom, endpoint=True)), box_width, box_height
        quarters = [(0, 0), (4, 0), (0, 4), (4, 4), (2, 2)]
        quarters += [(0, 2), (4, 2), (2, 4), (2, 0), (1, 1), (3, 1), (1, 3), (3, 3)]
        x, y = quarters[rng.integers(self.num_positions)]
        return right * x // 4, bottom * y // 4, box_width, box_height


def middle_view(transforms: Iterable[Any], views: int) -> int:
    """Which of a video's views is the middle crop of its middle clip.

    Args:
        transforms: Those of the pipeline.
        views: How many views it makes, clip by clip, the crops of a clip one after the other.
    """
    crops, middle = 1, 0
    for transform in transforms:
        of_each = getattr(transform, "crops", 1)
        middle = middle * of_each + getattr(transform, "middle_crop", 0)
        crops *= of_each
    clips = views // crops
    return clips // 2 * crops + middle
