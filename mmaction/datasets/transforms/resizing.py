"""Resize, flip, and the packing that makes a sample's pixels. Crops are in ``crops``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch

from mmaction.datasets.transforms.color import identity
from mmaction.datasets.transforms.crops import Size, height_width
from mmaction.datasets.transforms.geometry import render_view
from mmaction.datasets.transforms.label_maps import both_ways, map_by_name, require_known_map
from mmaction.datasets.transforms.pipeline import Results, Transform
from mmaction.errors import ConfigError
from mmaction.registry import TRANSFORMS
from mmaction.structures import ClipSample

INTERPOLATIONS = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}


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
            (:data:`~mmaction.datasets.transforms.label_maps.LABEL_MAPS`), which goes by the names
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

    def use_classes(self, classes: Sequence[str] | None) -> None:
        """Finds the ids of a built-in map among the data set's class names.

        Raises:
            ConfigError: See ``map_by_name``.
        """
        if self.built_in is not None:
            self.label_map = map_by_name(self.built_in, classes)

    def __call__(self, results: Results) -> Results:
        if results["rng"].random() < self.prob:
            results["views"] = [view.flip() for view in results["views"]]
            label = results["label"]
            results["label"] = self.label_map.get(label, label)
        return results


@TRANSFORMS.register_module()
class PackClips(Transform):
    """Make the pixels, in one pass over the kept regions, and the item that the data set returns.

    Views are ordered clip by clip, the crops of a clip one after the other.

    Args:
        interpolation: 'bilinear', or 'area', which averages where frames are made much smaller.
    """

    needs = ("frames", "frame_slots", "views")
    gives = ("inputs", "sample")

    def __init__(self, *, interpolation: str = "bilinear") -> None:
        if interpolation not in INTERPOLATIONS:
            raise ConfigError(
                f"PackClips: interpolation={interpolation!r}; one of {', '.join(INTERPOLATIONS)}"
            )
        self.interpolation = INTERPOLATIONS[interpolation]

    def __call__(self, results: Results) -> Results:
        """Returns ``inputs`` uint8 V×T×H×W×3, ``color`` float32 3×4 and ``sample``."""
        views, numbers = results["views"], results["frame_indices"] + results["source"].start_index
        sample = ClipSample(
            index=results["index"],
            name=results["name"],
            label=results["label"],
            frame_indices=np.repeat(numbers, len(views), axis=0),
            replaces=results.get("replaces", ()),
        )
        color = results.get("color")
        return {
            "inputs": self._render(results),
            "color": torch.from_numpy(identity() if color is None else color),
            "sample": sample,
        }

    def _render(self, results: Results) -> torch.Tensor:
        slots, views = results["frame_slots"], results["views"]
        clips, length = slots.shape
        height, width = views[0].height, views[0].width
        inputs = torch.empty((clips * len(views), length, height, width, 3), dtype=torch.uint8)
        out = inputs.numpy()
        uses: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for clip, row in enumerate(slots.tolist()):
            for time, slot in enumerate(row):
                uses[slot].append((clip, time))
        for slot, frame in enumerate(results["frames"]):
            for clip, time in uses[slot]:
                for crop, view in enumerate(views):
                    place = out[clip * len(views) + crop, time]
                    render_view(frame, view, place, self.interpolation)
        return inputs
