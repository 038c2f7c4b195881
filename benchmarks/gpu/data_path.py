"""Clips a second from files to the device, beside what the network takes in."""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from networks import shared_weights
from torch.utils.data import DataLoader

from gpu.network import SIZES, SMALL, Switches, prepared
from gpu.parts import Row, Settings
from gpu.timing import median_ms, wait
from mmaction.datasets import EpochSampler, RawframeDataset, VideoDataset, collate_clips

HEIGHT, WIDTH, LENGTH = 240, 427, 96
WORKERS = (1, 2, 4, 8, 16)


def measure(settings: Settings) -> Iterator[Row]:
    """Training clips of 32×224² (small on a CPU), decoded by more and more workers."""
    clip_len, size, batch = (4, 32, 2) if settings.small else (32, 224, 8)
    network = SMALL if settings.small else SIZES["32x224"]
    switches = Switches(with_cp="selective", bf16=True)
    step = prepared(switches, network, shared_weights(network), settings.device, train=True)
    ms = median_ms(step, device=settings.device, seconds=2.0)
    yield {"what": "the network trains, bf16", "clips/s": round(1e3 * network.batch / ms, 1)}
    del step
    pipeline = [
        dict(type="SampleSegments", clip_len=clip_len),
        dict(type="DecodeFrames"),
        dict(type="RandomResizedCrop", size=size),
        dict(type="Flip"),
        dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
        dict(type="PackClips"),
    ]
    count = 4 if settings.small else 64
    cores = len(os.sched_getaffinity(0))
    # A quarter of the part's time for each kind of file, shared by the numbers of workers.
    workers = [n for n in WORKERS if n <= (2 if settings.small else max(cores, 1))]
    seconds = 0.5 if settings.small else settings.seconds / 4 / len(workers)
    with tempfile.TemporaryDirectory() as folder:
        datasets = _datasets(Path(folder), count, pipeline)
        for what, dataset in datasets.items():
            for number in workers:
                rate = _rate(dataset, number, batch, settings.device, seconds)
                yield {"what": what, "workers": number, "clips/s": round(rate, 1)}
        yield from _gpu_decoding(Path(folder) / "video.mp4", settings, clip_len)


def _datasets(root: Path, count: int, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    """The same video many times, as JPEG frames and as H.264 with a key frame a second."""
    rng = np.random.default_rng(0)
    # Blurred noise that moves: as large as frames of real videos, about 20 kB.
    world = rng.integers(0, 256, (HEIGHT + LENGTH, WIDTH + LENGTH, 3), dtype=np.uint8)
    world = cv2.GaussianBlur(world, (0, 0), 2)
    world = cv2.normalize(world, None, 0, 255, cv2.NORM_MINMAX)
    frames = [world[t : t + HEIGHT, t : t + WIDTH].copy() for t in range(LENGTH)]
    (root / "frames" / "video").mkdir(parents=True)
    for number, frame in enumerate(frames, start=1):
        assert cv2.imwrite(str(root / f"frames/video/img_{number:05d}.jpg"), frame)
    with av.open(str(root / "video.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH - 1, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 25
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(frame[:, :-1]), format="bgr24"
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    (root / "frames.txt").write_text(f"video {LENGTH} 0\n" * count)
    (root / "videos.txt").write_text("video.mp4 0\n" * count)
    common = dict(pipeline=pipeline, num_classes=1)
    frames_set = RawframeDataset(ann_file=root / "frames.txt", data_root=root / "frames", **common)
    videos_set = VideoDataset(ann_file=root / "videos.txt", data_root=root, **common)
    return {f"JPEG frames {WIDTH}×{HEIGHT}": frames_set, f"mp4 {WIDTH - 1}×{HEIGHT}": videos_set}


def _rate(dataset: Any, workers: int, batch: int, device: str, seconds: float) -> float:
    """Clips a second, after each worker's first batch."""
    loader = DataLoader(
        dataset,
        batch_size=batch,
        sampler=EpochSampler(dataset, seed=0),
        num_workers=workers,
        collate_fn=collate_clips,
        pin_memory=device == "cuda",
        persistent_workers=True,
    )
    clips, started, warm_up = 0, 0.0, workers
    stop = time.perf_counter() + seconds + 10
    while True:
        for data in loader:
            data["inputs"].to(device, non_blocking=True)
            if warm_up:
                warm_up -= 1
                started = time.perf_counter()
                continue
            clips += len(data["inputs"])
            now = time.perf_counter()
            if now - started > seconds or now > stop:
                wait(device)
                return clips / (time.perf_counter() - started)


def _gpu_decoding(video: Path, settings: Settings, clip_len: int) -> Iterator[Row]:
    """torchcodec's decoder on the device, where there is one; no crop."""
    what = "mp4, torchcodec on the GPU, whole frames"
    if settings.device != "cuda" or importlib.util.find_spec("torchcodec") is None:
        yield {"what": what, "note": "needs a GPU and torchcodec"}
        return
    try:
        from torchcodec.decoders import VideoDecoder
    except (ImportError, RuntimeError, OSError) as e:
        yield {
            "what": what,
            "note": f"torchcodec can't be imported: {str(e).partition(chr(10))[0]}",
        }
        return
    places = [int((i + 0.5) * LENGTH / clip_len) for i in range(clip_len)]
    ms = median_ms(
        lambda: VideoDecoder(str(video), device="cuda").get_frames_at(places).data,
        device="cuda",
    )
    yield {"what": what, "clips/s": round(1e3 / ms, 1)}
