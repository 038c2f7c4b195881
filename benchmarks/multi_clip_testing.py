"""What a multi-view test adds to the network itself: ``python benchmarks/multi_clip_testing.py``.

Prints one table. The bound is the plain forward pass over finished clips in memory, in the chunks
that a test takes. Beside it stands the test itself, runner, loader, preprocessor, averaging and
metric included: of videos whose clips are decoded beforehand, and of JPEG frames that workers
decode meanwhile. All rows take turns; ratios are medians over rounds, each of one round's times.

Columns: clips/s by the clock; its ratio to the bound; the same ratio of the main process's own CPU
time, which others on the machine disturb less; the share of the row's own wall-clock that is spent
in the network, the rest being what is added or waited for ('-' on a GPU, where the host runs
ahead); CPU time of the workers. On a CPU, decoding is free only where workers have cores of their
own: torch takes what they leave.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Before torch starts its threads: one that waits for another sleeps, and does not count as work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cv2
import torch
from timing import interleaved_ms, median_ratio, print_table, report_machine
from torch import Tensor
from torch.utils.data import Dataset

from mmaction.apis import load_config
from mmaction.datasets import SampleKey, collate_clips
from mmaction.datasets.sources.video import count_frames, read_frames
from mmaction.engine import ActionRunner
from mmaction.environment import tolerate_broken_torchvision
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import DATASETS
from mmaction.structures import Prediction

REPO = Path(__file__).resolve().parents[1]
REAL_VIDEO = REPO.parent / "shared" / "video" / "arm_wrestling.mp4"
CLASSES = 174
BOUND = "forward alone, clips in memory"
DECODED = "test, videos decoded beforehand"
FRAMES = "test, JPEG frames"


@dataclass(frozen=True)
class Size:
    """A network and the clips that it is tested on."""

    depth: int
    base_channels: int
    frames: int
    pixels: int


SIZES = {
    "tiny": Size(depth=10, base_channels=8, frames=8, pixels=64),
    "r18": Size(depth=18, base_channels=64, frames=4, pixels=112),
    "paper": Size(depth=50, base_channels=64, frames=32, pixels=224),
}

CONFIG = """
_base_ = {runtime!r}
pipeline = [
    dict(type="SampleFrames", clip_len={size.frames}, num_clips={clips}, placement="even"),
    dict(type="DecodeFrames"),
    dict(type="Resize", short_side={short_side}),
    dict(type="ThreeCrop", size={size.pixels}),
    dict(type="PackClips"),
]
frames = dict(
    type="RawframeDataset",
    ann_file={root!r} + "/list.txt",
    data_root={root!r} + "/frames",
    pipeline=pipeline,
)
test_dataloader = dict(
    batch_size={batch_size},
    num_workers={workers},
    pin_memory={pin_memory},
    sampler=dict(type="EpochSampler", shuffle=False, round_up=False),
    collate_fn=dict(type="collate_clips"),
    dataset={dataset},
)
test_evaluator = dict(type="AccuracyMetric")
test_cfg = dict(fuse=False)  # the network that the bound runs
model = dict(
    type="STABN",
    num_classes={classes},
    clip_len={size.frames},
    max_views={max_views},
    backbone=dict(
        type="ResNet3D", depth={size.depth}, num_stages=3, base_channels={size.base_channels}
    ),
)
log_level = "WARNING"
experiment_name = {name!r}
work_dir = {root!r} + "/work"
"""


@DATASETS.register_module()
class DecodedBeforehand(Dataset):
    """Another data set's items, kept in memory; workers find them there.

    Args:
        dataset: Config of the other.
    """

    def __init__(self, *, dataset: dict[str, Any], num_classes: int) -> None:
        made = DATASETS.build(dict(dataset, num_classes=num_classes))
        self.metainfo = made.metainfo
        self.items = [made[index] for index in range(len(made))]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key: SampleKey) -> dict[str, Any]:
        return self.items[key.index]


@dataclass
class Row:
    """A row's run, and the CPU time that each of its rounds took.

    Attributes:
        run: What is timed.
        model: The network that it runs.
        own: CPU seconds of this process, all threads together.
        in_network: Seconds of wall-clock in the network's forward passes.
        workers: CPU seconds of the workers, which end with the run.
    """

    run: Callable[[], object]
    model: BaseRecognizer
    own: list[float] = field(default_factory=list)
    in_network: list[float] = field(default_factory=list)
    workers: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        own, workers = time.process_time(), children_seconds()
        with network_seconds(self.model) as in_network:
            self.run()
        self.own.append(time.process_time() - own)
        self.in_network.append(sum(in_network))
        self.workers.append(children_seconds() - workers)


@contextmanager
def network_seconds(model: BaseRecognizer) -> Iterator[list[float]]:
    """Seconds of wall-clock of each of the network's forward passes within it."""
    seconds: list[float] = []
    predict_clips = model.predict_clips

    def timed(clips: Tensor) -> Prediction:
        started = time.perf_counter()
        prediction = predict_clips(clips)
        seconds.append(time.perf_counter() - started)
        return prediction

    model.predict_clips = timed  # type: ignore[method-assign]
    try:
        yield seconds
    finally:
        del model.predict_clips


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="r18", help="default: %(default)s")
    parser.add_argument("--video", type=Path, default=REAL_VIDEO, help="where the frames are from")
    parser.add_argument("--videos", type=int, default=4, help="of the test, all of these frames")
    parser.add_argument("--clips", type=int, default=10, help="of a video, three crops of each")
    parser.add_argument("--batch-size", type=int, default=1, help="videos")
    parser.add_argument("--max-views", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, help="of torch (default: cores without workers)")
    parser.add_argument("--rounds", type=int, default=3, help="to take the median of")
    return parser.parse_args()


def write_frames(root: Path, video: Path, videos: int) -> str:
    """JPEG frames of the video once, and a list that names them ``videos`` times; what they are."""
    frames = read_frames(video, range(count_frames(video)))
    lines = []
    for number in range(videos):
        directory = root / "frames" / f"video {number}"
        directory.mkdir(parents=True)
        for position, frame in enumerate(frames, start=1):
            path = str(directory / f"img_{position:05d}.jpg")
            assert cv2.imwrite(path, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        lines.append(f"{directory.name} {len(frames)} {number % CLASSES}\n")
    (root / "list.txt").write_text("".join(lines))
    return f"{len(frames)} frames of {frames.shape[2]}×{frames.shape[1]}"


def build_runner(root: Path, args: argparse.Namespace, *, name: str, dataset: str) -> ActionRunner:
    """As ``tools/test_recognizer.py`` does, with weights as they are drawn."""
    size = SIZES[args.size]
    config = root / f"{name}.py"
    config.write_text(
        CONFIG.format(
            runtime=str(REPO / "config_files" / "_base_" / "runtime.py"),
            root=str(root),
            name=name,
            dataset=dataset,
            size=size,
            short_side=round(size.pixels * 8 / 7),
            clips=args.clips,
            batch_size=args.batch_size,
            workers=args.workers,
            max_views=args.max_views,
            pin_memory=torch.cuda.is_available(),
            classes=CLASSES,
        )
    )
    return ActionRunner.from_cfg(load_config(config))


def forward_alone(runner: ActionRunner, args: argparse.Namespace) -> Callable[[], object]:
    """The network on the chunks of clips that a test gives it, finished and on the device."""
    model = runner.model
    item = runner.test_dataloader.dataset[SampleKey(0)]
    batch = collate_clips([item] * args.batch_size)
    clips = model.data_preprocessor(batch)["clips"]
    chunks = clips.split(args.max_views)

    def run() -> None:
        model.eval()
        with torch.no_grad():
            for chunk in chunks * (args.videos // args.batch_size):
                model.predict_clips(chunk)
        if clips.is_cuda:
            torch.cuda.synchronize()

    return run


def main() -> None:
    args = parse_args()
    if not args.video.is_file():
        raise SystemExit(f"error: --video {args.video}: no such file; give any short video")
    if args.videos % args.batch_size:
        raise SystemExit("error: --videos: no multiple of --batch-size")
    torch.set_num_threads(args.threads or max(1, (os.cpu_count() or 1) - args.workers))
    report_machine()
    tolerate_broken_torchvision()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        frames = write_frames(root, args.video, args.videos)
        decoded = build_runner(
            root, args, name="decoded", dataset='dict(type="DecodedBeforehand", dataset=frames)'
        )
        from_frames = build_runner(root, args, name="frames", dataset="frames")
        for runner in (decoded, from_frames):
            runner.test()  # builds the loop, and warms up
        rows = {
            BOUND: Row(forward_alone(decoded, args), decoded.model),
            DECODED: Row(decoded.test_loop.run, decoded.model),
            FRAMES: Row(from_frames.test_loop.run, from_frames.model),
        }
        print_rows(rows, args, frames)


def print_rows(rows: dict[str, Row], args: argparse.Namespace, frames: str) -> None:
    size, device = SIZES[args.size], rows[BOUND].model.data_preprocessor.device
    clips = args.videos * args.clips * 3
    print(
        f"ST-ABN R{size.depth}, {size.frames}×{size.pixels}², on {device};"
        f" {args.videos} videos of {frames}, {args.clips} clips × 3 crops each,"
        f" batches of {args.batch_size}, max_views {args.max_views}, {args.workers} worker(s);"
        f" medians of {args.rounds} rounds\n"
    )
    times = interleaved_ms(rows, rounds=args.rounds, warm_up=0)
    table = []
    for name, row in rows.items():
        speeds = [clips / ms * 1e3 for ms in times[name]]
        in_network = 1e3 * median_ratio(row.in_network, times[name])
        workers = statistics.median(row.workers) / clips * 1e3
        table.append(
            [
                name,
                f"{statistics.median(speeds):.2f} ({min(speeds):.2f}…{max(speeds):.2f})",
                f"{median_ratio(times[BOUND], times[name]):.3f}",
                f"{median_ratio(rows[BOUND].own, row.own):.3f}",
                "-" if device.type == "cuda" else f"{in_network:.3f}",
                f"{workers:.1f}",
            ]
        )
    header = ["", "clips/s", "of bound", "by CPU time", "in the network", "workers' ms a clip"]
    print_table(header, table)


if __name__ == "__main__":
    main()
