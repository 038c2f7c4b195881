"""What runs ST-ABN fastest on a CPU, and what is left of it from video files on.

    python benchmarks/deployment.py [--size r50] [--rounds 9] [--threads N] [--clock cpu]

Two tables, of one process in which all rows take turns and have the same threads; ratios are
medians over rounds, each of one round's times.

First, one clip through the network: written down literally (``literal_st_abn.py``), this project's
with norms within convolutions (``fuse_for_inference``), and as a graph of ONNX Runtime and of
OpenVINO in fp32 and bf16. 'off by' is the largest difference of the scores from the literal
network's, relative to the largest score.

Second, videos by the data path of ``tools/predict.py``: H.264 files of 64 frames of 340×256,
decoded by worker processes and cropped, in batches, through the network; beside the network alone
on the same clips, decoded beforehand.

With ``--clock cpu`` times are seconds of processors, those of the workers too, for a busy machine;
then what is kept of the throughput is the network's share of all work. Threads that wait for each
other may count there, ONNX Runtime's do: give ``--threads 1``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

# As in model_speed.py: before torch starts its threads.
if "--clock" in sys.argv:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from data_loading import REAL_VIDEO, write_video
from model_speed import ROWS, SIZES, Measured
from networks import CLASSES, Size, build, shared_weights
from timing import median_ratio, print_table, report_machine, taking_turns
from torch import Tensor

from mmaction.checkpoint.description import Description
from mmaction.datasets.sources.video import read_frames
from mmaction.datasets.transforms.pipeline import Pipeline
from mmaction.environment import keep_freed_memory
from mmaction.inference import VideoRecognizer
from mmaction.inference.backends import with_backend
from mmaction.inference.decoding import Decoded, answered, decoded_batches
from mmaction.inference.exporting import Graph, layout_of, traced, write_graph
from mmaction.inference.runtimes import Runtime, open_graph
from mmaction.models.recognizers.base import BaseRecognizer

FRAMES = 64  # of a video
LITERAL = "literal network, torch"
BACKENDS = (("eager", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"))


def description_of(size: Size) -> Description:
    """Of this project's network and its clips."""
    backbone = dict(type="ResNet3D", depth=size.depth, num_stages=3)
    pipeline: list[dict[str, Any]] = [
        dict(type="SampleSegments", clip_len=size.frames, placement="center"),
        dict(type="DecodeFrames"),
        dict(type="Resize", short_side=size.pixels * 8 // 7),
        dict(type="CenterCrop", size=size.pixels),
        dict(type="PackClips"),
    ]
    model = dict(type="STABN", num_classes=CLASSES, clip_len=size.frames, backbone=backbone)
    return Description(model=model, pipeline=pipeline)


def recognizer_of(size: Size) -> VideoRecognizer:
    network = build(size).eval()
    network.load_state_dict(shared_weights(size))
    assert isinstance(network, BaseRecognizer)
    said = description_of(size)
    return VideoRecognizer(network=network, pipeline=Pipeline(said.pipeline), description=said)


def one_clip(size: Size, folder: Path) -> dict[str, Callable[[], Tensor]]:
    """Scores of both branches of one clip, by what computes them."""
    weights = shared_weights(size)
    rows: dict[str, Callable[[], Tensor]] = {
        LITERAL: Measured(ROWS["literal"], size, weights).forward,
        "norms fused, torch": Measured(ROWS["default, fused"], size, weights).forward,
    }
    clips = torch.randn(size.shape, generator=torch.Generator().manual_seed(0))
    recognizer = recognizer_of(size)
    graph = Graph(recognizer.network, uint8_input=False).eval()
    program = traced(graph, clips, dynamic=False)
    said = replace(recognizer.description, layout=layout_of(recognizer, dynamic=False))
    for title, kind, file, precision in (
        ("ONNX Runtime, fp32", "onnx", "model.onnx", "fp32"),
        ("OpenVINO, fp32", "openvino", "model.xml", "fp32"),
        ("OpenVINO, bf16", "openvino", "model.xml", "bf16"),
    ):
        write_graph(program, folder / file, kind=kind, description=said)
        runtime, _ = open_graph(folder / file, precision=precision)
        rows[title] = partial(scores_of, runtime, clips.numpy())
    return rows


def scores_of(runtime: Runtime, clips: np.ndarray) -> Tensor:
    """Of both branches."""
    found = runtime(clips)
    return torch.from_numpy(np.concatenate([found["scores"], found["attention_scores"]]))


def cpu_sec() -> float:
    """Of this process and of those it started that have ended."""
    return sum(os.times()[:4])


CLOCKS = {"wall": time.perf_counter, "cpu": cpu_sec}


def print_networks(size: Size, args: argparse.Namespace, folder: Path) -> None:
    rows = one_clip(size, folder)
    outputs = {name: run() for name, run in rows.items()}
    times = taking_turns(rows, rounds=args.rounds, warm_up=2, clock=CLOCKS[args.clock])
    right, peer = outputs[LITERAL], times[LITERAL]
    table = []
    for name, ms in times.items():
        off = (outputs[name] - right).abs().max() / right.abs().max()
        spread = f"{statistics.median(ms):.0f} ({min(ms):.0f}…{max(ms):.0f})"
        table.append([name, spread, f"{median_ratio(peer, ms):.2f}", f"{off.item():.1e}"])
    print_table(["", "ms a clip", "×", "off by"], table)


def video_rows(
    recognizer: VideoRecognizer, paths: list[str], decoded: list[list[Decoded]], workers: int
) -> tuple[Callable[[], object], Callable[[], object]]:
    """The network alone on decoded videos, and all from the files on."""

    def alone() -> object:
        return [list(answered(batch, recognizer)) for batch in decoded]

    def whole() -> object:
        loader = decoded_batches(
            paths, recognizer.pipeline, batch_size=len(decoded[0]), num_workers=workers
        )
        return [list(answered(batch, recognizer)) for batch in loader]

    return alone, whole


def print_videos(size: Size, args: argparse.Namespace, folder: Path) -> None:
    source = recognizer_of(size)
    frames = read_frames(args.video, range(FRAMES))
    paths = [str(folder / f"{number}.mp4") for number in range(args.videos)]
    for path in paths:
        write_video(Path(path), frames)
    decoded: list[list[Decoded]] = list(
        decoded_batches(paths, source.pipeline, batch_size=args.batch_size, num_workers=0)
    )
    rows: dict[str, Callable[[], object]] = {}
    titles = []
    for backend, precision in BACKENDS:
        recognizer, title = with_backend(source, backend=backend, precision=precision)
        titles.append(title)
        alone, whole = video_rows(recognizer, paths, decoded, args.workers)
        rows |= {f"{title} alone": alone, f"{title} whole": whole}
    times = taking_turns(rows, rounds=args.video_rounds, warm_up=0, clock=CLOCKS[args.clock])
    table = []
    for title in titles:
        alone_ms, whole_ms = times[f"{title} alone"], times[f"{title} whole"]
        cells = [f"{statistics.median(ms) / len(paths):.0f}" for ms in (alone_ms, whole_ms)]
        table.append([title, *cells, f"{median_ratio(alone_ms, whole_ms):.2f}"])
    print_table(["ms a video", "network alone", "from the file", "throughput kept"], table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="r50", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=9, help="of single clips")
    parser.add_argument("--video-rounds", type=int, default=3, help="of all videos")
    parser.add_argument("--threads", type=int, help="of all (default: torch's own choice)")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="default: %(default)s")
    parser.add_argument("--videos", type=int, default=24, help="of a round")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2, help="that decode")
    parser.add_argument("--video", type=Path, default=REAL_VIDEO, help="whose frames are taken")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    keep_freed_memory()  # as a run does; for the peer, too
    report_machine()
    size = SIZES[args.size]
    print(f"ST-ABN R{size.depth}, clips of {size.frames}×{size.pixels}², {CLASSES} classes")
    with tempfile.TemporaryDirectory() as folder:
        print_networks(size, args, Path(folder))
        print()
        print_videos(size, args, Path(folder))


if __name__ == "__main__":
    main()
