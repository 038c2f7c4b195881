from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmaction.datasets.collate import collate_clips
from mmaction.datasets.rawframe_dataset import RawframeDataset
from mmaction.datasets.samplers import SampleKey
from mmaction.datasets.transforms.crops import CenterCrop
from mmaction.datasets.transforms.resizing import PackClips
from mmaction.errors import DataError

PIPELINE = [
    {"type": "SampleFrames", "clip_len": 4},
    {"type": "DecodeFrames"},
    {"type": "RandomResizedCrop", "size": 16},
    {"type": "ColorJitter", "hue": 0.1},
    {"type": "PackClips"},
]


def test_stacks_items(make_results: Callable[..., dict[str, Any]]) -> None:
    items = [PackClips()(make_results(seed=seed, label=seed)) for seed in range(3)]
    batch = collate_clips(items)
    assert batch["inputs"].shape == (3, 1, 3, 48, 64, 3)
    assert batch["inputs"].dtype == torch.uint8
    assert batch["color"].shape == (3, 3, 4)
    assert batch["samples"] == [item["sample"] for item in items]
    for index, item in enumerate(items):
        assert torch.equal(batch["inputs"][index], item["inputs"])


def test_different_sizes_are_named(make_results: Callable[..., dict[str, Any]]) -> None:
    items = [
        PackClips()(make_results() | {"name": "first"}),
        PackClips()(CenterCrop(size=32)(make_results() | {"name": "second"})),
    ]
    with pytest.raises(
        DataError, match=r"'first' is 1 views × 3 frames × 48×64 .* 'second' is .* 32×32 pixels"
    ):
        collate_clips(items)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_loader_gives_the_same_batches_however_many_workers(
    video_root: Path, num_workers: int
) -> None:
    options = {"ann_file": str(video_root / "list.txt"), "data_root": str(video_root)}
    with DefaultScope.overwrite_default_scope("mmaction"):
        loader = Runner.build_dataloader(
            {
                "dataset": {"type": "RawframeDataset", "pipeline": PIPELINE, **options},
                "sampler": {"type": "EpochSampler"},
                "collate_fn": {"type": "collate_clips"},
                "batch_size": 4,
                "num_workers": num_workers,
            },
            seed=3,
        )
    loader.sampler.set_epoch(2)
    dataset = RawframeDataset(pipeline=PIPELINE, **options)
    seen = []
    for batch in loader:
        for inputs, color, sample in zip(*batch.values(), strict=True):
            seen.append(sample.index)
            alone = dataset[SampleKey(sample.index, 2, 3)]
            assert torch.equal(inputs, alone["inputs"])
            assert torch.equal(color, alone["color"])
    assert sorted(seen) == list(range(6))
