"""Resize, crop and flip as arithmetic, so that the pixels are touched once.

A :class:`View` says which box of a frame becomes an output of which size. Transforms compose
views, here and in ``crops``; ``pixels`` renders them at the very end.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mmaction.datasets.class_names import (
    both_ways,
    map_by_name,
    mirrored_classes,
    require_known_map,
)
from mmaction.datasets.transforms.pipeline import Results, Transform
from mmaction.errors import ConfigError
from mmaction.registry import TRANSFORMS

Size = int | Sequence[int]


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
        """A part of the output.

        Args:
            left, top: Its corner, in output pixels.
            width, height: Its size, likewise; it lies within the output.
        """
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
        short_side: Pixels of the shorter side; the shape stays.
        size: Pixels, one number for a square or (height, width); the shape changes.
    """

    needs = ("views",)

    def __init__(self, *, short_side: int | None = None, size: Size | None = None) -> None:
        if (short_side is None) == (size is None):
            raise ConfigError("Resize: give either short_side or size")
        if short_side is not None and short_side < 1:
            raise ConfigError(f"Resize: short_side={short_side}; it is a number of pixels >= 1")
        self.short_side = short_side
        self.size = None if size is None else height_width("Resize", size)

    def __call__(self, results: Results) -> Results:
        results["views"] = [
            view.resize(*self._width_height(view.width, view.height)) for view in results["views"]
        ]
        return results

    def _width_height(self, width: int, height: int) -> tuple[int, int]:
        if self.size is not None:
            return self.size[1], self.size[0]
        assert self.short_side is not None, "checked when built"
        scale = self.short_side / min(width, height)
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
        ConfigError: No share, no map of this name, or no sound map.
    """

    needs = ("views",)

    def __init__(
        self, *, prob: float = 0.5, label_map: Mapping[int, int] | str | None = None
    ) -> None:
        if not 0 <= prob <= 1:
            raise ConfigError(f"Flip: prob={prob}; it lies in [0, 1]")
        self.prob = prob
        self.built_in = label_map if isinstance(label_map, str) else None
        if self.built_in is not None:
            require_known_map(self.built_in)
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
            label = results["label"]
            results["label"] = self.label_map.get(label, label)
        return results
