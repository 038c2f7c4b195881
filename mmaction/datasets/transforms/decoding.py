"""From sampled frame indices to the frames' pixels."""

from __future__ import annotations

from itertools import chain

import numpy as np

from mmaction.datasets.sources.image_decoding import find_decoder
from mmaction.datasets.transforms.geometry import View
from mmaction.datasets.transforms.pipeline import Results, Transform
from mmaction.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DecodeFrames(Transform):
    """Read and decode the sampled frames, each distinct one once.

    The first is decoded here; the others when ``PackClips`` takes them, so that no more than one is
    held at a time.

    Args:
        backend: Decoder of image files, ``'simplejpeg'`` or ``'cv2'``, which give the same pixels;
            the former is faster and also refuses JPEG files that are damaged in the middle. None:
            the fastest of those installed. Video files have their own.
    """

    needs = ("frame_indices",)
    gives = ("frames", "frame_slots", "views")

    def __init__(self, *, backend: str | None = None) -> None:
        self.decode = find_decoder(backend)

    def __call__(self, results: Results) -> Results:
        """Raises DataError, naming the file, where a frame can't be used."""
        indices = results["frame_indices"]
        positions, slots = np.unique(indices, return_inverse=True)
        frames = results["source"].frames(results["name"], positions.tolist(), decode=self.decode)
        first = next(frames)
        height, width = first.shape[:2]
        results["frames"] = chain([first], frames)
        results["frame_slots"] = slots.reshape(indices.shape)
        results["views"] = [View.whole(width, height)]
        return results
