"""Graphs of OpenVINO in 8-bit integers: post-training quantization by NNCF.

Weights and activations become integers on scales of their own (Jacob et al., arXiv:1712.05877);
how far activations reach is measured on real clips.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mmaction.checkpoint.description import Layout
from mmaction.datasets.batches import collate_clips
from mmaction.datasets.transforms.crops import middle_view
from mmaction.inference.listing import find_paths
from mmaction.inference.recognizer import VideoRecognizer
from mmaction.inference.sources import open_path, packed

MOST_CLIPS = 100


def calibration_clips(
    recognizer: VideoRecognizer, sources: Iterable[str | os.PathLike[str]], layout: Layout
) -> list[Tensor]:
    """Input of a graph, one clip each of at most ``MOST_CLIPS`` videos, evenly chosen.

    Args:
        recognizer: Whose pipeline makes the clips.
        sources: Videos, as ``find_paths`` takes them.
        layout: Of the input.

    Raises:
        DataError: There are none, or one can't be read.
    """
    paths = find_paths(sources)
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), MOST_CLIPS)).round().astype(int)
    clips = []
    for number in chosen:
        item = packed(open_path(Path(paths[number])), recognizer.pipeline)
        inputs = item["inputs"]
        if layout.dtype != "uint8":
            inputs = recognizer.network.data_preprocessor(collate_clips([item]))["clips"]
        shown = middle_view(recognizer.pipeline.transforms, len(inputs))
        clips.append(inputs[shown : shown + 1].contiguous())
    return clips


def quantized(model: Any, clips: Sequence[Tensor]) -> Any:
    """An ``openvino.Model`` whose convolutions and products are computed in int8.

    Args:
        model: In float32.
        clips: Its input, of real videos.
    """
    import nncf

    nncf.set_log_level(logging.ERROR)
    dataset = nncf.Dataset([clip.numpy() for clip in clips])
    with contextlib.redirect_stdout(sys.stderr):  # it shows how far it is
        return nncf.quantize(model, dataset, subset_size=len(clips))
