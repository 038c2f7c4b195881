"""The two ends of a sample's way: frames are decoded, and what is kept of them becomes a clip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

import cv2
import numpy as np
import torch

from mmaction.datasets.transforms.geometry import View
from mmaction.datasets.transforms.mixing import mix_static_frame
from mmaction.datasets.transforms.pipeline import Results, Transform
from mmaction.ops.global_motion import warped
from mmaction.registry import TRANSFORMS
from mmaction.structures import ClipSample, Guidance


@TRANSFORMS.register_module()
class DecodeFrames(Transform):
    """Read and decode the sampled frames, each distinct one once.

    The first is decoded here; the others when ``PackClips`` takes them, so that no more than one is
    held at a time.
    """

    needs = ("frame_indices",)
    gives = ("frames", "frame_slots", "views")

    def __call__(self, results: Results) -> Results:
        """Raises DataError, naming the file, where a frame can't be used."""
        indices = results["frame_indices"] + results.get("first_frame", 0)
        positions, slots = np.unique(indices, return_inverse=True)
        frames = results["source"].frames(results["name"], positions.tolist())
        first = next(frames)
        height, width = first.shape[:2]
        results["frame_indices"] = indices
        results["frames"] = chain([first], frames)
        results["frame_slots"] = slots.reshape(indices.shape)
        results["frame_size"] = (height, width)
        results["views"] = [View.whole(width, height)]
        return results


@TRANSFORMS.register_module()
class PackClips(Transform):
    """Make the pixels, in one pass over the kept regions, and the item that the data set returns.

    Views are ordered clip by clip, the crops of a clip one after the other.
    """

    needs = ("frames", "frame_slots", "views")
    gives = ("inputs", "sample")

    def __call__(self, results: Results) -> Results:
        """Returns ``inputs`` uint8 V×T×H×W×3, ``color`` float32 3×4, ``sample`` and ``regions``.

        These say what each crop shows of the frame: ``View.region``.
        """
        views, numbers = results["views"], results["frame_indices"] + results["source"].start_index
        sample = ClipSample(
            index=results["index"],
            name=results.get("title") or results["name"],
            label=results["label"],
            more_labels=results.get("more_labels", ()),
            frame_indices=np.repeat(numbers, len(views), axis=0),
            replaces=results.get("replaces", ()),
            motions=self._motions(results),
            unsteady=results.get("unsteady", 0),
            regions=np.tile(_shares(views, results["frame_size"]), (len(numbers), 1)),
            guidance=None if results.get("edit") is None else self._guidance(results, numbers),
        )
        color = results.get("color")
        return {
            "inputs": self._render(results),
            "color": torch.eye(3, 4) if color is None else torch.from_numpy(color),
            "sample": sample,
            "regions": [view.region for view in views],
        }

    def _motions(self, results: Results) -> np.ndarray | None:
        """``ClipSample.motions``: those of the frames as the views show them."""
        if "motions" not in results:
            return None
        shown = np.stack([view.matrix for view in results["views"]])[:, None]  # crops×1×3×3
        motions = results["motions"][:, None]  # clips×1×T×3×3
        return (shown @ motions @ np.linalg.inv(shown)).reshape(-1, *motions.shape[2:])

    def _guidance(self, results: Results, numbers: np.ndarray) -> Guidance:
        """The video's edit, its masks taken the way of the frames.

        Args:
            results: With all that is known of the sample.
            numbers: int64, clips×T: the frames' numbers.
        """
        views, edit, (height, width) = results["views"], results["edit"], results["frame_size"]
        shape = (*numbers.shape, len(views), views[0].height, views[0].width, 3)
        marks = np.zeros(shape, np.uint8)
        for clip, time in np.ndindex(numbers.shape):
            mask = edit.spatial(int(numbers[clip, time]))
            if mask is None:
                continue
            mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
            if "motions" in results:
                mask, _ = warped(mask, results["motions"][clip, time])
            for crop, view in enumerate(views):
                render_view(mask, view, marks[clip, time, crop])
        # clips×T×crops×H×W×3 to V×2×T×H×W.
        spatial = marks[..., :2].transpose(0, 2, 5, 1, 3, 4).reshape(-1, 2, shape[1], *shape[3:5])
        return Guidance(spatial, np.repeat(edit.temporal(numbers), len(views), axis=0))

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
                    render_view(frame, view, place)
        if "static_frame" in results:
            for clip in out:
                mix_static_frame(clip, *results["static_frame"])
        for operator, seed in results.get("operators", ()):
            for clip in inputs:
                operator.apply(clip, seed)
        return inputs


def _shares(views: Sequence[View], frame_size: tuple[int, int]) -> np.ndarray:
    """``ClipSample.regions`` of the crops of a clip."""
    height, width = frame_size
    left, top, across, down = np.array([view.region for view in views]).T
    sides = np.stack([left / width, top / height, (left + across) / width, (top + down) / height])
    mirrored = np.array([view.flipped for view in views])
    return np.where(mirrored, sides[[2, 1, 0, 3]], sides).T


def render_view(frame: np.ndarray, view: View, out: np.ndarray) -> None:
    """Resize the view's region of a frame, bilinearly, straight into its place.

    Within one grey level of OpenCV's resizing of the whole, for each time that it was resized.

    Args:
        frame: uint8, H×W×3.
        view: What to show of it.
        out: uint8, contiguous, view.height×view.width×3.
    """
    if view.within is not None:
        resized = np.empty((view.within.height, view.within.width, 3), np.uint8)
        render_view(frame, view.within, resized)
        frame = resized
    across, down = view.strips
    part = frame[down.first : down.last, across.first : across.last]
    size = (across.length, down.length)
    if size == (view.width, view.height):
        cv2.resize(part, size, dst=out)
    else:
        rows = slice(down.skip, down.skip + view.height)
        out[:] = cv2.resize(part, size)[rows, across.skip : across.skip + view.width]
    if view.flipped:
        cv2.flip(out, 1, dst=out)
