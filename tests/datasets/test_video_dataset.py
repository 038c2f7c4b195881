from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mmaction.datasets.clip_dataset import VideoDataset
from mmaction.errors import DataError
from mmaction.registry import DATASETS

PIPELINE = [
    {"type": "SampleFrames", "clip_len": 3, "frame_interval": 2, "placement": "center"},
    {"type": "DecodeFrames"},
    {"type": "Resize", "size": 16},
    {"type": "PackClips"},
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """``a b.mp4`` of 11 grey frames, brightness 20·i, and its list."""
    with av.open(str(tmp_path / "a b.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        for number in range(11):
            image = np.full((24, 32, 3), 20 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (tmp_path / "list.txt").write_text("a b.mp4 11 1\n")
    return tmp_path


def test_samples_are_those_of_frames(root: Path) -> None:
    dataset = DATASETS.build(
        dict(
            type="VideoDataset",
            ann_file=str(root / "list.txt"),
            data_root=str(root),
            pipeline=PIPELINE,
        )
    )
    item = dataset[0]
    assert item["inputs"].shape == (1, 3, 16, 16, 3)
    # The window of frames 3, 5, 7 lies in the middle of 11; positions count from 0.
    assert item["sample"].frame_indices.tolist() == [[3, 5, 7]]
    levels = item["inputs"].double().mean(dim=(0, 2, 3, 4))
    assert np.allclose(levels, [60, 100, 140], atol=3)
    assert (item["sample"].name, item["sample"].label) == ("a b.mp4", 1)


def test_more_frames_annotated_than_there_are(root: Path) -> None:
    (root / "list.txt").write_text("a b.mp4 30 1\n")
    dataset = VideoDataset(ann_file=root / "list.txt", data_root=root, pipeline=PIPELINE)
    with pytest.raises(DataError, match=r"a b.mp4' has 11 frames; frame \d+, counted from 0, is"):
        dataset[0]
