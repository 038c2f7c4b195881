"""How long a clip takes from the disk to the network: ``python benchmarks/data_loading.py``.

One process, one thread, frames in the page cache, so that it is the code that is timed. Every row
is measured in the same rounds as the bounds that it is compared with.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from literal_pipeline import literal_training_clip
from timing import interleaved_ms, median_ratio, peak_bytes, print_table, report_machine

from mmaction.dataprep.pack import pack_frames
from mmaction.datasets import RawframeDataset, SampleKey, VideoDataset
from mmaction.datasets.sources.image_files import decode
from mmaction.datasets.sources.video import count_frames, read_frames
from mmaction.environment import keep_freed_memory
from mmaction.models import ClipPreprocessor
from mmaction.models.blending import Blending
from mmaction.models.losses import CrossEntropy
from mmaction.ops import affine_clips, affine_clips_torch

REAL_VIDEO = Path(__file__).resolve().parents[2] / "shared" / "video" / "arm_wrestling.mp4"
CLIP_LEN, SIZE, SHORT_SIDE = 32, 224, 256
OTHER_SIZE = (427, 240)  # Something-Something V2's, which any short side of 256 has to enlarge
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
IMREAD = "cv2.imread of the 32 frames"
DECODER = "fastest decoder, files in memory"

SEGMENTS = dict(type="SampleSegments", clip_len=CLIP_LEN)
CENTER = dict(SEGMENTS, placement="center")
DECODE = dict(type="DecodeFrames")
PACK = dict(type="PackClips")
TRAINING = [
    SEGMENTS,
    DECODE,
    dict(type="RandomResizedCrop", size=SIZE),
    dict(type="Flip"),
    dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
    PACK,
]
VALIDATION = [
    CENTER,
    DECODE,
    dict(type="Resize", short_side=SHORT_SIDE),
    dict(type="CenterCrop", size=SIZE),
    PACK,
]
RESIZED_TRAINING = [*TRAINING[:2], dict(type="Resize", short_side=SHORT_SIDE), *TRAINING[2:]]
STABILIZED = [*VALIDATION[:2], dict(type="Stabilize"), *VALIDATION[2:]]
CROPPED = [*TRAINING[:2], dict(type="Resize", short_side=256), dict(type="RandomCrop", size=SIZE)]
JITTERED = [
    dict(type="SampleFrames", clip_len=CLIP_LEN, frame_interval=2, temporal_jitter=True),
    DECODE,
    dict(type="Resize", short_side=(256, 320)),
    CROPPED[3],
    PACK,
]
OPERATORS = {
    "RandAugment, 2 operations": dict(name="RandAugment", num_ops=2, magnitude=9),
    "random erasing of every clip": dict(
        name="RandomErasing", p=1.0, value=[124, 116, 104], inplace=True
    ),
}
LOSSES = {
    "label smoothing": dict(label_smoothing=0.1),
    "class weights": dict(class_weights=[1.0] * 174),
}
THREE_CROP = [
    CENTER,
    DECODE,
    dict(type="Resize", short_side=SHORT_SIDE),
    dict(type="ThreeCrop", size=SHORT_SIDE),
    PACK,
]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path, default=REAL_VIDEO, help="where the frames are from")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--quality", type=int, default=75, help="of the JPEG files")
    return parser.parse_args()


class Material:
    """One video as a directory of frames, as a pack and a short video file, with lists."""

    def __init__(self, root: Path, video: Path, quality: int) -> None:
        self.root = root
        frames = read_frames(video, range(count_frames(video)))
        self.height, self.width = frames.shape[1:3]
        write_frames(root / "frames" / "video", frames, quality)
        others = np.stack([cv2.resize(frame, OTHER_SIZE) for frame in frames])
        write_frames(root / "others" / "video", others, quality)
        (root / "frames.txt").write_text(f"video {len(frames)} 0\n")
        pack_frames(str(root / "frames"), str(root / "frames.lmdb"))
        short = write_video(root / "short.mp4", frames[: 2 * CLIP_LEN])
        (root / "videos.txt").write_text(f"short.mp4 {short} 0\n")
        (root / "short.txt").write_text(f"video {short} 0\n")

    def frames(self, pipeline: list[dict[str, Any]], **options: Any) -> RawframeDataset:
        defaults = dict(ann_file=self.root / "frames.txt", data_root=self.root / "frames")
        return RawframeDataset(**{**defaults, **options}, pipeline=pipeline)

    def clip_paths(self, **options: Any) -> list[str]:
        dataset = self.frames(VALIDATION, **options)
        numbers = dataset[0]["sample"].frame_indices[0]
        return [dataset.source_of(0).path("video", number - 1) for number in numbers]


def write_frames(directory: Path, frames: np.ndarray, quality: int) -> None:
    directory.mkdir(parents=True)
    for number, frame in enumerate(frames, start=1):
        bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        assert cv2.imwrite(str(directory / f"img_{number:05d}.jpg"), bgr, options)


def write_video(path: Path, frames: np.ndarray) -> int:
    """A short clip as people have them: H.264, a key frame a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.codec_context.gop_size = 25
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return len(frames)


def decode_alone(path: Path) -> None:
    """What no reader of this video can do without: a clip spread over it rests on every frame."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in container.decode(video=0):
            pass


def drawn(dataset: Any) -> Callable[[], Any]:
    """Loads the only video, cropped and jittered anew each time."""
    epochs = iter(range(1 << 30))
    return lambda: dataset[SampleKey(0, next(epochs), 0)]


def finished(load: Callable[[], Any], preprocess: ClipPreprocessor) -> Callable[[], Any]:
    """From the data set to what the network takes: jittered, normalised, float, in its layout."""

    def run() -> Any:
        item = load()
        batch = dict(inputs=item["inputs"][None], color=item["color"][None], samples=[])
        return preprocess(batch)

    return run


def pipeline_rows(material: Material) -> dict[str, Callable[[], Any]]:
    """The rows of the first table."""
    paths = material.clip_paths()
    files = [Path(path).read_bytes() for path in paths]
    buffer = np.empty((material.height, material.width, 3), np.uint8)
    training, validation, three_crop, stabilized = (
        material.frames(steps) for steps in (TRAINING, VALIDATION, THREE_CROP, STABILIZED)
    )
    preprocess = ClipPreprocessor(mean=MEAN, std=STD)
    rng = np.random.default_rng(0)
    return {
        IMREAD: lambda: [cv2.imread(path) for path in paths],
        DECODER: lambda: [decode(data, buffer) for data in files],
        "training, worker's part": drawn(training),
        "training, finished clip": finished(drawn(training), preprocess),
        "validation, worker's part": lambda: validation[0],
        "validation, finished clip": finished(lambda: validation[0], preprocess),
        "three-crop test, worker's part": lambda: three_crop[0],
        "validation, stabilized": lambda: stabilized[0],
        "literal numpy and cv2, training": lambda: literal_training_clip(
            paths, rng, short_side=SHORT_SIDE, size=SIZE, mean=MEAN, std=STD
        ),
    }


def handed_over(result: Any) -> str:
    """Bytes that a worker hands to the main process."""
    if isinstance(result, dict) and "sample" in result:
        result = [result["inputs"].numpy(), result["color"].numpy()]
    elif isinstance(result, np.ndarray):
        result = [result]
    else:
        return ""
    return f"{sum(array.nbytes for array in result) / 1e6:.1f}"


def print_pipelines(material: Material, rounds: int) -> None:
    rows = pipeline_rows(material)
    results = {name: run() for name, run in rows.items()}
    times = interleaved_ms(rows, rounds=rounds)
    print_table(
        ["", "ms a clip", "× imread", "× decoder", "peak MB", "MB handed over"],
        [
            [
                name,
                f"{statistics.median(times[name]):.1f}",
                f"{median_ratio(times[name], times[IMREAD]):.2f}",
                f"{median_ratio(times[name], times[DECODER]):.2f}",
                f"{peak_bytes(run) / 1e6:.0f}",
                handed_over(results[name]),
            ]
            for name, run in rows.items()
        ],
    )


def print_resized(material: Material, rounds: int) -> None:
    """Frames that a test has to enlarge, and a training that resizes them twice."""
    root = dict(data_root=material.root / "others")
    paths = material.clip_paths(**root)
    validation = material.frames(VALIDATION, **root)
    imread = f"cv2.imread of 32 frames of {OTHER_SIZE[0]}×{OTHER_SIZE[1]}"
    rows = {
        imread: lambda: [cv2.imread(path) for path in paths],
        "training, a crop resized": drawn(material.frames(TRAINING, **root)),
        "training, resized before": drawn(material.frames(RESIZED_TRAINING, **root)),
        "validation": lambda: validation[0],
    }
    times = interleaved_ms(rows, rounds=rounds)
    print_table(
        ["worker's part of resized frames", "ms a clip", "× imread"],
        [
            [
                name,
                f"{statistics.median(times[name]):.1f}",
                f"{median_ratio(times[name], times[imread]):.2f}",
            ]
            for name in rows
        ],
    )


def print_recipe(material: Material, rounds: int) -> None:
    """Augmentations of today's recipes, each beside the same clip without it."""
    plain = "short side of 256, random crop"
    rows = {
        plain: drawn(material.frames([*CROPPED, PACK])),
        "scale and temporal jitter": drawn(material.frames(JITTERED)),
    }
    for name, options in OPERATORS.items():
        step = dict(type="TorchvisionTransform", **options)
        rows[name] = drawn(material.frames([*CROPPED, step, PACK]))
    clips, labels = torch.randn(8, 3, CLIP_LEN, SIZE, SIZE), torch.arange(8)
    for kind in ("MixUp", "CutMix"):
        blend = Blending([dict(type=kind)], num_classes=8)
        rows[f"{kind} of a batch of 8, for each clip"] = partial(blend, clips, labels)
    for kind, options in LOSSES.items():
        loss = CrossEntropy(**options)
        rows[f"{kind} of a batch of 8, for each clip"] = partial(loss, torch.randn(8, 174), labels)
    times = interleaved_ms(rows, rounds=rounds)
    table = []
    for name in rows:
        of_batch = "of a batch" in name
        ms = statistics.median(times[name]) / (8 if of_batch else 1)
        added = ms if of_batch else ms - statistics.median(times[plain])
        table.append([name, f"{ms:.2f}", f"{added:.2f}"])
    print_table(["augmentation", "ms a clip", "added"], table)


def print_sources(material: Material, rounds: int) -> None:
    """The same training samples from each kind of source; the video against its own frames."""
    short = dict(ann_file=material.root / "short.txt")
    video = VideoDataset(
        ann_file=material.root / "videos.txt", data_root=material.root, pipeline=TRAINING
    )
    of_short, of_video = "the video's frames in a directory", "a video file of 64 frames"
    rows = {
        "frames in a directory": drawn(material.frames(TRAINING)),
        "frames in one lmdb": drawn(
            material.frames(TRAINING, data_root=material.root / "frames.lmdb")
        ),
        of_short: drawn(material.frames(TRAINING, **short)),
        of_video: drawn(video),
        "FFmpeg's decoding of its frames alone": lambda: decode_alone(material.root / "short.mp4"),
    }
    times = interleaved_ms(rows, rounds=rounds)
    bases = {
        name: of_short if "video" in name or "FFmpeg" in name else "frames in a directory"
        for name in rows
    }
    print_table(
        ["training clip from", "ms a clip", "× its frames in a directory"],
        [
            [
                name,
                f"{statistics.median(times[name]):.1f}",
                f"{median_ratio(times[name], times[bases[name]]):.2f}",
            ]
            for name in rows
        ],
    )


def print_kernels(rounds: int) -> None:
    """The affine map, the cast and the layout change of one clip."""
    clips = torch.randint(0, 256, (1, CLIP_LEN, SIZE, SIZE, 3), dtype=torch.uint8)
    matrix = torch.rand(1, 3, 4)
    rows = {
        name: partial(run, clips, matrix)
        for name, run in (("compiled", affine_clips), ("torch", affine_clips_torch))
    }
    times = interleaved_ms(rows, rounds=rounds)
    print_table(
        ["affine map, cast and layout", "ms a clip", "× torch"],
        [
            [
                name,
                f"{statistics.median(times[name]):.1f}",
                f"{median_ratio(times[name], times['torch']):.2f}",
            ]
            for name in rows
        ],
    )


def main() -> None:
    args = parse_args()
    if not args.video.is_file():
        raise SystemExit(f"error: --video {args.video}: no such file; give any short video")
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    os.environ["OMP_NUM_THREADS"] = "1"
    keep_freed_memory()  # as every run does
    report_machine()
    with tempfile.TemporaryDirectory() as root:
        material = Material(Path(root), args.video, args.quality)
        print(
            f"{CLIP_LEN} frames of {material.width}×{material.height}, JPEG quality {args.quality};"
            f" medians of {args.rounds} rounds, ratios within a round\n"
        )
        print_pipelines(material, args.rounds)
        print()
        print_resized(material, args.rounds)
        print()
        print_sources(material, args.rounds)
        print()
        print_recipe(material, args.rounds)
        print()
        print_kernels(args.rounds)


if __name__ == "__main__":
    main()
