"""How much faster an epoch is on a frozen backbone's cached features than from clips.

    python benchmarks/cached_features.py [--videos 36] [--rounds 3] [--model vit_base_patch16_224]

ST-ABN on an image network of timm, frozen, random weights, clips of 16×112² cut from JPEG frames of
made videos; each branch has a pointwise stage of 64 channels. In each round an epoch from clips,
then one on features: training steps with the loader of a config, forward, both cross-entropies,
backward, SGD. Prints seconds an epoch, the ratio, and what computing the features took. Goal: at
least 20 times.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from timing import print_table, report_machine
from torch.utils.data import DataLoader

from mmaction.apis import load_config
from mmaction.apis.cache_features import cache_features
from mmaction.dataprep.motion_shapes import CLASSES, DataSetOptions, make_data_set
from mmaction.datasets import EpochSampler, collate_clips
from mmaction.registry import DATASETS, MODELS

CONFIG = Path(__file__).resolve().parents[1] / "config_files/motion_shapes/st_abn_tiny.py"
FRAMES, SIZE, BATCH = 16, 112, 8
GOAL = 20


def config(root: Path, model: str) -> Config:
    """The tiny network's data, with the backbone asked for."""
    os.environ["MOTION_SHAPES"] = str(root)
    cfg = load_config(CONFIG, {"model.clip_len": FRAMES})
    cfg.model.backbone = dict(type="TimmBackbone", model=model, frozen=True)
    if "vit" in model:
        cfg.model.backbone["model_options"] = dict(img_size=SIZE)
    else:
        cfg.model.backbone["out_index"] = 3
    stage = dict(type="PointwiseStage", out_channels=64)
    stage["in_channels"] = MODELS.build(cfg.model.backbone).out_channels
    cfg.model.attention_branch = dict(stage=dict(stage))
    cfg.model.perception_branch = dict(stage=dict(stage))
    cfg.train_dataloader.update(batch_size=BATCH, num_workers=1)
    cfg.train_dataloader.dataset.pipeline = [
        dict(type="SampleSegments", clip_len=FRAMES),
        dict(type="DecodeFrames"),
        dict(type="RandomResizedCrop", size=SIZE),
        dict(type="PackClips"),
    ]
    return cfg


def epoch(model: Any, loader: DataLoader[Any], optimizer: torch.optim.Optimizer) -> float:
    """Seconds of one."""
    started = time.perf_counter()
    for batch in loader:
        losses = model(**model.data_preprocessor(batch, True), mode="loss")
        model.parse_losses(losses)[0].backward()
        optimizer.step()
        optimizer.zero_grad()
    return time.perf_counter() - started


def loader(dataset: Any) -> DataLoader[Any]:
    sampler = EpochSampler(dataset, seed=0)
    options = dict(batch_size=BATCH, num_workers=1, persistent_workers=True)
    return DataLoader(dataset, sampler=sampler, collate_fn=collate_clips, **options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=36)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="tf_efficientnet_lite0", help="of timm")
    args = parser.parse_args()
    report_machine()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "motion_shapes"
        options = DataSetOptions(videos=args.videos, val_videos=len(CLASSES))
        make_data_set(root, options, jobs=1)
        cfg = config(root, args.model)
        started = time.perf_counter()
        cache_features(cfg, root / "features", views=1)
        caching = time.perf_counter() - started
        clips = DATASETS.build(cfg.train_dataloader.dataset)
        changes = dict(type="FeatureDataset", features=str(root / "features"))
        features = DATASETS.build({**cfg.train_dataloader.dataset, **changes})
        torch.manual_seed(0)
        model: Any = MODELS.build(cfg.model)
        model.train()
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.SGD(trained, lr=1e-3)
        times: dict[str, list[float]] = {"from clips": [], "on features": []}
        loaders = {"from clips": loader(clips), "on features": loader(features)}
        for number in range(args.rounds + 1):
            for name, batches in loaders.items():
                seconds = epoch(model, batches, optimizer)
                if number:  # the first starts workers
                    times[name].append(seconds)
    ratios = [a / b for a, b in zip(*times.values(), strict=True)]
    rows = [[name, f"{statistics.median(seconds):.2f}"] for name, seconds in times.items()]
    rows.append(["ratio", f"{statistics.median(ratios):.1f} (goal {GOAL})"])
    rows.append(["computing one view of each video", f"{caching:.2f}"])
    print(f"{args.model}, {args.videos} videos of {FRAMES}×{SIZE}², batches of {BATCH}")
    print_table(["", "seconds an epoch"], rows)


if __name__ == "__main__":
    main()
