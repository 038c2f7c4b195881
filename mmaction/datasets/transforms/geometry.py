"""Resize, crop and flip as arithmetic, so that the pixels are touched once.

A :class:`View` says which window of a resized frame is shown. Transforms compose views, here and in
``crops``; ``pixels`` renders them at the very end, as if the whole frame had been resized and then
cut, but of no more of it than that takes. What is cut and resized again is resized twice.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mmaction.datasets.class_names import both_ways, map_by_name, mirrored_classes
from mmaction.datasets.transforms.pipeline import Results, Transform, number_range
from mmaction.errors import ConfigError
from mmaction.registry import TRANSFORMS

Size = int | Sequence[int]


@dataclass(frozen=True)
class Strip:
    """One axis of a view: source pixels ``first:last`` become ``length``, of which a part is shown.

    Attributes:
        first, last: Source pixels, last exclusive.
        length: Pixels that they are resized to.
        skip: Of these, how many lie before what is shown.
    """

    first: int
    last: int
    length: int
    skip: int


@dataclass(frozen=True)
class View:
    """A window of a box that was resized, mirrored if ``flipped``.

    Attributes:
        base: Left, top, width and height of the box, in pixels of the frame, or of ``within``.
        scaled: Width and height that the box is resized to, in pixels, >= 1.
        x, y: Corner of the window in the resized box.
        width, height: Size of the window, and of the output, >= 1.
        flipped: Mirrored left to right.
        within: What the box is cut of where that was itself resized; None: the frame.
    """

    base: tuple[int, int, int, int]
    scaled: tuple[int, int]
    x: int
    y: int
    width: int
    height: int
    flipped: bool = False
    within: View | None = None

    @classmethod
    def whole(cls, width: int, height: int) -> View:
        """The frame as it is."""
        return cls((0, 0, width, height), (width, height), 0, 0, width, height)

    def resize(self, width: int, height: int) -> View:
        """The same window at another size; of what was resized before, it is resized again."""
        left, top, *size = self.base
        box, within = (left + self.x, top + self.y, self.width, self.height), self.within
        if self.scaled != tuple(size):
            box, within = (0, 0, self.width, self.height), replace(self, flipped=False)
        return View(box, (width, height), 0, 0, width, height, self.flipped, within)

    def crop(self, left: int, top: int, width: int, height: int) -> View:
        """A part of the output.

        Args:
            left, top: Its corner, in output pixels.
            width, height: Its size, likewise; it lies within the output.
        """
        assert 0 <= left <= self.width - width, "crop leaves the view"
        assert 0 <= top <= self.height - height, "crop leaves the view"
        if self.flipped:
            left = self.width - left - width
        return replace(self, x=self.x + left, y=self.y + top, width=width, height=height)

    def flip(self) -> View:
        """Mirrored left to right."""
        return replace(self, flipped=not self.flipped)

    @property
    def region(self) -> tuple[float, float, float, float]:
        """What is shown of the frame: left, top, width and height, in its pixels."""
        left, top, width, height = (float(value) for value in self.base)
        across, down = width / self.scaled[0], height / self.scaled[1]
        shown = (
            left + self.x * across,
            top + self.y * down,
            self.width * across,
            self.height * down,
        )
        if self.within is None:
            return shown
        outer = self.within.region
        across, down = outer[2] / self.within.width, outer[3] / self.within.height
        return (
            outer[0] + shown[0] * across,
            outer[1] + shown[1] * down,
            shown[2] * across,
            shown[3] * down,
        )

    @property
    def matrix(self) -> np.ndarray:
        """float64, 3×3: from the frame's pixels to the output's, each counted by their middles."""
        left, top, width, height = self.region
        across, down = self.width / width, self.height / height
        turned = self.width if self.flipped else 0
        across_signed = -across if self.flipped else across
        shift_x = turned - across_signed * left + (across_signed - 1) / 2
        shift_y = -down * top + (down - 1) / 2
        return np.array([[across_signed, 0, shift_x], [0, down, shift_y], [0, 0, 1]])

    @cached_property
    def strips(self) -> tuple[Strip, Strip]:
        """What to resize, across and down, so that the window is that of the resized box."""
        left, top, width, height = self.base
        return (
            _strip(left, left + width, self.scaled[0], self.x, self.width),
            _strip(top, top + height, self.scaled[1], self.y, self.height),
        )


def _strip(first: int, last: int, scaled: int, start: int, length: int) -> Strip:
    """The least part of ``first:last`` that resizes to whole pixels and covers the window.

    Where n source pixels become m, n' and m' without their common divisor, every m'-th output pixel
    begins at a source pixel, and what lies between two such is resized by itself as within all.
    """
    common = math.gcd(last - first, scaled)
    source_period, period = (last - first) // common, scaled // common
    # Enlarged pixels at the end of a part would miss what lies beyond it.
    reach = -(-period // (2 * source_period)) if period > source_period else 0
    begin = max((start - reach) // period, 0)
    end = min(-(-(start + length + reach) // period), common)
    return Strip(
        first=first + begin * source_period,
        last=first + end * source_period,
        length=(end - begin) * period,
        skip=start - begin * period,
    )


def height_width(name: str, size: Size) -> tuple[int, int]:
    """A size argument as height and width, checked."""
    pair = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(pair) != 2 or not all(isinstance(side, int) and side >= 1 for side in pair):
        raise ConfigError(f"{name}: size={size!r}; it is a number of pixels or (height, width)")
    return pair[0], pair[1]


@TRANSFORMS.register_module()
class Resize(Transform):
    """Resize the frame; exactly one argument.

    Args:
        short_side: Pixels of the shorter side; the shape stays. (low, high), for training: drawn
            for each sample from low..high, scale jitter as of SlowFast (arXiv:1812.03982).
        size: Pixels, one number for a square or (height, width); the shape changes.
    """

    needs = ("views",)

    def __init__(
        self, *, short_side: int | Sequence[int] | None = None, size: Size | None = None
    ) -> None:
        if (short_side is None) == (size is None):
            raise ConfigError("Resize: give either short_side or size")
        self.low, self.high = number_range(
            "Resize", "short_side", 1 if short_side is None else short_side
        )
        self.size = None if size is None else height_width("Resize", size)

    def __call__(self, results: Results) -> Results:
        short = self.low
        if self.low < self.high:  # a fixed size draws nothing
            short = int(results["rng"].integers(self.low, self.high, endpoint=True))
        results["views"] = [
            view.resize(*self._width_height(view.width, view.height, short))
            for view in results["views"]
        ]
        return results

    def _width_height(self, width: int, height: int, short: int) -> tuple[int, int]:
        if self.size is not None:
            return self.size[1], self.size[0]
        scale = short / min(width, height)
        return int(width * scale + 0.5), int(height * scale + 0.5)


@TRANSFORMS.register_module()
class Flip(Transform):
    """Mirror a sample left to right, and swap the labels that this turns into each other.

    Args:
        prob: How often, in [0, 1].
        label_map: Class ids to swap, one direction is enough, or the name of a built-in map
            (:data:`~mmaction.datasets.class_names.LABEL_MAPS`), which goes by the names
            of the data set's classes.

    Attributes:
        label_map: Ids; of a built-in map once ``use_classes`` was called.

    Raises:
        ConfigError: No share, or no sound map.
    """

    needs = ("views",)

    def __init__(
        self, *, prob: float = 0.5, label_map: Mapping[int, int] | str | None = None
    ) -> None:
        if not 0 <= prob <= 1:
            raise ConfigError(f"Flip: prob={prob}; it lies in [0, 1]")
        self.prob = prob
        self.built_in = label_map if isinstance(label_map, str) else None
        ids = label_map if isinstance(label_map, Mapping) else {}
        self.label_map: Mapping[int, int] = both_ways(ids)

    def use_classes(
        self, classes: Sequence[str] | None, num_classes: int | None, *, source: str
    ) -> None:
        """Finds the ids of a built-in map among a data set's classes, and checks that they fit.

        Args:
            classes: Class names by label; None where they are not known.
            num_classes: K, or None likewise.
            source: What messages call the data set.

        Raises:
            ConfigError: A swapped class that there is not; see also ``map_by_name``.
        """
        if self.built_in is not None:
            self.label_map = map_by_name(self.built_in, classes)
        highest = max(self.label_map, default=0)
        if num_classes is not None and highest >= num_classes:
            raise ConfigError(
                f"Flip: label_map names class {highest}, but '{source}' has {num_classes} classes"
            )
        mirrored = mirrored_classes(classes or ())
        if self.prob and mirrored and not self.label_map:
            warnings.warn(
                f"'{source}': a mirror image turns class '{mirrored[0][0]}' into"
                f" '{mirrored[0][1]}', and Flip has no label_map: its labels will be wrong half the"
                " time; give one, or leave Flip out",
                stacklevel=2,
            )

    def __call__(self, results: Results) -> Results:
        if results["rng"].random() < self.prob:
            results["views"] = [view.flip() for view in results["views"]]
            label, more = results["label"], results.get("more_labels", ())
            results["label"] = self.label_map.get(label, label)
            results["more_labels"] = tuple(self.label_map.get(each, each) for each in more)
        return results
