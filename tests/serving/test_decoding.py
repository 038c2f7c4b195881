"""Videos made to hurt a decoder, decoded in real processes."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from mmaction.datasets.transforms.pipeline import Pipeline
from mmaction.datasets.transforms.stabilize import Stabilize
from mmaction.inference import VideoRecognizer
from mmaction.inference.sources import opened, packed
from mmaction.serving.decoding import Decoded, Decoder
from mmaction.serving.limits import Limits, Refused
from tests.frame_fixtures import write_film


def decode(
    path: Path, pipeline: Pipeline, window_sec: float | None = None, **given: float
) -> Decoded:
    decoder = Decoder(pipeline, Limits(**given))
    decoded = asyncio.run(decoder(path, name="their.mp4", window_sec=window_sec))
    assert multiprocessing.active_children() == []
    return decoded


def test_clips_are_those_of_the_pipeline(recognizer: VideoRecognizer, tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", 25)
    found = decode(path, recognizer.pipeline, window_sec=1.0)
    with opened(path) as video:
        expected = packed(video, recognizer.pipeline)
    assert torch.equal(found.items[0]["inputs"], expected["inputs"])
    assert torch.equal(found.items[0]["color"], expected["color"])
    np.testing.assert_allclose(found.seconds, [(0, 2.5), (0, 1), (1, 2), (1.5, 2.5)])
    # Four segments of two or three frames each, the middle of each.
    frames = [item["sample"].frame_indices.tolist() for item in found.items[1:]]
    assert np.diff([part[0][0] for part in frames]).tolist() == [10, 5]
    assert found.video.fps == 10


def test_motions_come_with_stabilized_clips(recognizer: VideoRecognizer, tmp_path: Path) -> None:
    steps = list(recognizer.pipeline.transforms)
    steady = copy.copy(recognizer.pipeline)
    steady.transforms = [*steps[:2], Stabilize(), *steps[2:]]
    path = write_film(tmp_path / "film.mp4", 25)
    found = decode(path, steady)
    with opened(path) as video:
        expected = packed(video, steady)["sample"]
    np.testing.assert_array_equal(found.items[0]["sample"].motions, expected.motions)


def time_bomb(path: Path, frames: int) -> Path:
    """Small frames that say nothing has changed, 600 a second; they are decoded to be counted."""
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=600)
        stream.width, stream.height = 1280, 720
        black = av.VideoFrame.from_ndarray(np.zeros((720, 1280, 3), np.uint8), format="rgb24")
        packets = [packet for _ in range(2) for packet in stream.encode(black)]
        packets += list(stream.encode(None))
        container.mux(packets[0])
        content, base = bytes(packets[1]), packets[1].time_base
        for number in range(1, frames):
            packet = av.Packet(content)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, base
            container.mux(packet)
    return path


def test_what_takes_too_long_is_ended(recognizer: VideoRecognizer, tmp_path: Path) -> None:
    bomb = time_bomb(tmp_path / "bomb.avi", 30_000)
    assert bomb.stat().st_size < 20_000_000
    with pytest.raises(Refused, match=r"their.mp4: decoding (takes over 1 s|failed)") as refused:
        decode(bomb, recognizer.pipeline, decode_seconds=1)
    assert refused.value.status == 422
    assert multiprocessing.active_children() == []


def test_what_takes_too_much_memory_is_ended(recognizer: VideoRecognizer, tmp_path: Path) -> None:
    large = write_film(tmp_path / "large.mp4", 4, width=1920, height=1080)
    assert decode(large, recognizer.pipeline).items
    (tmp_path / "clips.npz").unlink()
    with pytest.raises(Refused, match=r"their.mp4.*memory") as refused:
        decode(large, recognizer.pipeline, decode_megabytes=16)
    assert refused.value.status == 422


def test_frames_that_outgrow_the_head_are_refused(
    recognizer: VideoRecognizer, tmp_path: Path
) -> None:
    """The container says 48×36, the stream itself 1920×1080."""
    path = write_film(tmp_path / "large.mp4", 4, width=1920, height=1080)
    said = (1920).to_bytes(2, "big") + (1080).to_bytes(2, "big")
    assert said in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(said, b"\0\x30\0\x24"))
    with pytest.raises(Refused, match="pixels a frame"):
        decode(path, recognizer.pipeline, pixels=640 * 480)
