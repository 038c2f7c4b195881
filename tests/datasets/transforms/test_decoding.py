from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmaction.datasets.sources.directory import find_frames
from mmaction.datasets.transforms.decoding import DecodeFrames
from mmaction.errors import ConfigError


@pytest.mark.parametrize("backend", ["cv2", None])
def test_decodes_each_distinct_frame_once_as_rgb(
    tmp_path: Path, write_frames: Callable[..., Path], backend: str | None
) -> None:
    write_frames(tmp_path / "video", 6, width=40, height=30)
    positions = [[4, 1, 1], [5, 4, 0]]
    results = DecodeFrames(backend=backend)(
        {
            "name": "video",
            "source": find_frames(tmp_path, "video"),
            "frame_indices": np.array(positions),
        }
    )
    frames = np.stack([frame.copy() for frame in results["frames"]])
    assert frames.shape == (4, 30, 40, 3)
    assert frames.dtype == np.uint8
    for clip, row in enumerate(positions):
        for time, position in enumerate(row):
            bgr = cv2.imread(str(tmp_path / "video" / f"img_{position + 1:05d}.jpg"))
            frame = frames[results["frame_slots"][clip, time]]
            assert np.array_equal(frame, bgr[:, :, ::-1])
    [view] = results["views"]
    assert (view.width, view.height) == (40, 30)


def test_unknown_backend() -> None:
    with pytest.raises(ConfigError, match="backend='turbo' is none; there are: cv2, simplejpeg"):
        DecodeFrames(backend="turbo")
