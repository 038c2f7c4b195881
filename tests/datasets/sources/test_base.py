from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmaction.datasets.sources.directory import FrameDirectory, find_frames
from mmaction.errors import DataError


@pytest.fixture
def source(tmp_path: Path, write_frames: Callable[..., Path]) -> FrameDirectory:
    """A video of six frames, 40×30, to be damaged."""
    write_frames(tmp_path / "video", 6, width=40, height=30)
    return find_frames(tmp_path, "video")


@pytest.mark.parametrize(("width", "height"), [(40, 32), (38, 30), (30, 40)])
def test_odd_size_within_a_clip_is_named(source: FrameDirectory, width: int, height: int) -> None:
    cv2.imwrite(source.path("video", 2), np.zeros((height, width, 3), np.uint8))
    with pytest.raises(
        DataError,
        match=rf"img_00003.jpg' is {width}×{height} pixels, but .*img_00001.jpg' is 40×30",
    ):
        list(source.frames("video", [0, 1, 2]))


@pytest.mark.parametrize("position", [0, 1])
def test_damaged_frame_is_named(source: FrameDirectory, position: int) -> None:
    path = Path(source.path("video", position))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=rf"^frame '{path}' is truncated"):
        list(source.frames("video", [0, 1, 2]))
