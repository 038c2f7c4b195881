"""What int8 costs and brings: a checkpoint's network by OpenVINO in fp32 and in int8.

    python benchmarks/quantization.py CONFIG CHECKPOINT

exports both, calibrated on videos of the config's training set, and answers its test set with each:
accuracies of both branches, how far the attention maps of int8 are from those of fp32, and
milliseconds a video of the network alone, the two taking turns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from timing import print_table, report_machine

import mmaction
from mmaction.apis import load_config
from mmaction.apis.export import export
from mmaction.datasets.batches import collate_clips
from mmaction.inference import VideoRecognizer
from mmaction.registry import DATASETS
from mmaction.structures import VideoResult


def training_videos(dataset: object, folder: Path) -> Path:
    """A list of where the videos of a training set lie."""
    annotations, sources = dataset.annotations, dataset.sources
    lines = [
        str(Path(sources[annotations.file_ids[number]].data_root).absolute() / name)
        for number, name in enumerate(annotations.names())
    ]
    path = folder / "training.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def answer(recognizer: VideoRecognizer, item: dict) -> tuple[VideoResult, float]:
    """Of one video, and the milliseconds that the network took."""
    batch = recognizer.network.data_preprocessor(collate_clips([item]))
    begun = time.perf_counter()
    with torch.inference_mode():
        (result,) = recognizer.network(batch["clips"], samples=batch["samples"], mode="predict")
    return result, 1000 * (time.perf_counter() - begun)


def accuracy(results: list[VideoResult], scores: str) -> str:
    right = [int(getattr(r, scores).argmax()) == r.sample.label for r in results]
    return f"{100 * np.mean(right):.1f} %"


def map_rows(found: list[VideoResult], right: list[VideoResult]) -> list[list[str]]:
    """Differences of maps in [0, 1], and their correlation within a clip, over all clips."""
    rows = []
    for name in ("spatial_attention", "temporal_attention"):
        pairs = [
            (a.flatten().double().numpy(), b.flatten().double().numpy())
            for f, r in zip(found, right, strict=True)
            for a, b in zip(getattr(f, name), getattr(r, name), strict=True)
        ]
        differences = np.concatenate([abs(a - b) for a, b in pairs])
        alike = [np.corrcoef(a, b)[0, 1] for a, b in pairs]
        cells = [differences.mean(), differences.max(), np.mean(alike), min(alike)]
        rows.append([name.replace("_", " "), *(f"{cell:.3f}" for cell in cells)])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("checkpoint")
    args = parser.parse_args()
    report_machine()
    cfg = load_config(args.config)
    train, test = (DATASETS.build(cfg[f"{s}_dataloader"].dataset) for s in ("train", "test"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calibration = [training_videos(train, folder)]
        shared = dict(config=cfg, kind="openvino", dynamic=True)
        export(args.checkpoint, folder / "fp32.xml", **shared)
        export(
            args.checkpoint,
            folder / "int8.xml",
            precision="int8",
            calibration=calibration,
            **shared,
        )
        recognizers = {p: mmaction.load(folder / f"{p}.xml") for p in ("fp32", "int8")}
        sizes = {p: (folder / f"{p}.bin").stat().st_size / 2**20 for p in recognizers}
    results: dict[str, list[VideoResult]] = {p: [] for p in recognizers}
    times: dict[str, list[float]] = {p: [] for p in recognizers}
    for number in range(len(test)):
        item = test[number]
        for precision, recognizer in recognizers.items():
            result, ms = answer(recognizer, item)
            results[precision].append(result)
            times[precision].append(ms)
    print_table(
        ["", "perception", "attention branch", "ms a video", "MiB"],
        [
            [
                precision,
                accuracy(found, "scores"),
                accuracy(found, "attention_scores"),
                f"{np.median(times[precision]):.1f}",
                f"{sizes[precision]:.1f}",
            ]
            for precision, found in results.items()
        ],
    )
    print()
    rows = map_rows(results["int8"], results["fp32"])
    print_table(["int8 beside fp32", "mean off", "most off", "correlation", "lowest"], rows)


if __name__ == "__main__":
    main()
