from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mmaction.datasets import RawframeDataset
from mmaction.datasets.batches import EpochSampler, SampleKey, collate_clips, starting_at
from mmaction.datasets.transforms.crops import CenterCrop
from mmaction.datasets.transforms.pixels import PackClips
from mmaction.errors import ConfigError, DataError
from mmaction.registry import DATA_SAMPLERS

PIPELINE = [
    {"type": "SampleFrames", "clip_len": 4},
    {"type": "DecodeFrames"},
    {"type": "RandomResizedCrop", "size": 16},
    {"type": "ColorJitter", "hue": 0.1},
    {"type": "PackClips"},
]


def epoch_of(
    size: int, rank: int, world_size: int, *, epoch: int = 0, **options: object
) -> list[SampleKey]:
    """What one of several processes is given; their number is all that is made up."""
    with patch("mmaction.datasets.batches.get_dist_info", return_value=(rank, world_size)):
        sampler = EpochSampler(range(size), **options)  # type: ignore[arg-type]
    sampler.set_epoch(epoch)
    keys = list(sampler)
    assert len(keys) == len(sampler)
    return keys


def test_order_is_drawn_anew_every_epoch() -> None:
    first, second = (epoch_of(50, 0, 1, epoch=epoch, seed=11) for epoch in (0, 1))
    assert [key.index for key in first] != [key.index for key in second]
    assert {(key.epoch, key.seed, key.draw) for key in second} == {(1, 11, 0)}
    assert first == epoch_of(50, 0, 1, epoch=0, seed=11)
    assert first != [key._replace(seed=11) for key in epoch_of(50, 0, 1, epoch=0, seed=1)]


@settings(max_examples=200, deadline=None)
@given(
    size=st.integers(1, 60),
    world_size=st.integers(1, 9),
    shuffle=st.booleans(),
    epoch=st.integers(0, 3),
)
def test_every_sample_comes_over_all_processes(
    size: int, world_size: int, shuffle: bool, epoch: int
) -> None:
    def counts(round_up: bool) -> tuple[Counter[int], list[int]]:
        parts = [
            epoch_of(
                size, rank, world_size, epoch=epoch, shuffle=shuffle, seed=1, round_up=round_up
            )
            for rank in range(world_size)
        ]
        return Counter(key.index for part in parts for key in part), [len(p) for p in parts]

    once, lengths = counts(round_up=False)
    assert once == Counter(range(size))
    assert max(lengths) - min(lengths) <= 1

    filled, lengths = counts(round_up=True)
    assert set(filled) == set(range(size))
    assert len(set(lengths)) == 1
    assert 0 <= sum(lengths) - size < world_size
    assert max(filled.values()) - min(filled.values()) <= 1


@settings(max_examples=100, deadline=None)
@given(
    size=st.integers(1, 80),
    world_size=st.integers(1, 5),
    batch_size=st.integers(1, 6),
)
def test_many_processes_see_the_global_batches_of_one(
    size: int, world_size: int, batch_size: int
) -> None:
    alone = epoch_of(size, 0, 1, seed=4)
    parts = [epoch_of(size, rank, world_size, seed=4) for rank in range(world_size)]
    whole = world_size * batch_size
    for batch in range(size // whole):
        together = [key for p in parts for key in p[batch * batch_size : (batch + 1) * batch_size]]
        assert sorted(together) == sorted(alone[batch * whole : (batch + 1) * whole])


def test_built_as_mmengine_builds_it() -> None:
    sampler = DATA_SAMPLERS.build(
        {"type": "EpochSampler", "shuffle": False}, default_args={"dataset": range(3), "seed": 5}
    )
    assert list(sampler) == [SampleKey(0, 0, 5), SampleKey(1, 0, 5), SampleKey(2, 0, 5)]
    assert EpochSampler(range(3)).seed >= 0, "drawn where none is given"


@pytest.mark.parametrize("other", [SampleKey(1, 2, 4), SampleKey(1, 3, 3), SampleKey(2, 2, 3)])
def test_random_numbers_of_a_key(other: SampleKey) -> None:
    key = SampleKey(1, 2, 3)
    draws = key.rng().integers(2**32, size=4).tolist()
    assert key.rng().integers(2**32, size=4).tolist() == draws
    assert other.rng().integers(2**32, size=4).tolist() != draws


class Labelled:
    """A data set of which a sampler sees its labels alone."""

    def __init__(self, labels: list[int]) -> None:
        self.labels = np.array(labels)

    def __len__(self) -> int:
        return len(self.labels)


@settings(max_examples=100, deadline=None)
@given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=60), epoch=st.integers(0, 3))
def test_classes_come_equally_often(labels: list[int], epoch: int) -> None:
    sampler = EpochSampler(Labelled(labels), seed=2, class_balanced=True)
    sampler.set_epoch(epoch)
    keys = list(sampler)
    assert len(keys) == len(labels)
    by_class = Counter(labels[key.index] for key in keys)
    assert by_class.keys() <= set(labels)
    counts = [by_class[label] for label in set(labels)]
    assert max(counts) - min(counts) <= 1
    # Within a class, none comes a second time before each has come once; each time drawn anew.
    by_video = Counter(key.index for key in keys)
    for label in set(labels):
        times = [by_video[index] for index, own in enumerate(labels) if own == label]
        assert max(times) - min(times) <= 1
    assert len(set(keys)) == len(keys)
    for index, times in by_video.items():
        assert sorted(key.draw for key in keys if key.index == index) == list(range(times))


def test_balanced_epochs_differ_and_reach_every_video() -> None:
    labels = [0] * 30 + [1] * 3
    sampler = EpochSampler(Labelled(labels), seed=0, class_balanced=True)
    seen, orders = set(), set()
    for epoch in range(12):
        sampler.set_epoch(epoch)
        keys = list(sampler)
        seen |= {key.index for key in keys}
        orders.add(tuple(key.index for key in keys))
    assert len(orders) == 12
    assert seen == set(range(33))


def test_balance_needs_labels_and_an_order_to_draw() -> None:
    with pytest.raises(ConfigError, match="class_balanced=True needs a label on every line"):
        EpochSampler(Labelled([0, -1]), seed=0, class_balanced=True)
    with pytest.raises(ConfigError, match="class_balanced=True needs shuffle=True"):
        EpochSampler(Labelled([0, 1]), seed=0, shuffle=False, class_balanced=True)


def test_a_second_draw_of_a_video_has_its_own_random_numbers() -> None:
    first, again = (SampleKey(3, 1, 7, draw).rng().random(4).tolist() for draw in (0, 1))
    assert first != again
    assert first == np.random.default_rng([7, 1, 3]).random(4).tolist()


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


class Loaded(Dataset[Tensor]):
    """Remembers what was asked of it."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: SampleKey) -> Tensor:  # type: ignore[override]
        self.asked.append(key.index)
        return torch.tensor(key.index)


def loader(length: int, batch: int, *, workers: int = 0, drop_last: bool = False) -> DataLoader:
    data = Loaded(length)
    return DataLoader(
        data,
        batch_size=batch,
        sampler=EpochSampler(data, seed=3),
        num_workers=workers,
        drop_last=drop_last,
        persistent_workers=workers > 0,
    )


@given(st.integers(1, 30), st.integers(1, 7), st.integers(0, 31), st.booleans())
@settings(max_examples=60, deadline=None)
def test_it_is_the_rest_of_the_epoch_and_loads_nothing_else(
    length: int, batch: int, done: int, drop_last: bool
) -> None:
    whole = [b.tolist() for b in loader(length, batch, drop_last=drop_last)]
    done = min(done, len(whole))
    rest = loader(length, batch, drop_last=drop_last)
    with starting_at(rest, done):
        assert [b.tolist() for b in rest] == whole[done:]
        assert len(rest) == len(whole), "what is saved meanwhile tells the epoch's length by it"
    assert rest.dataset.asked == [index for b in whole[done:] for index in b]
    assert len(rest) == len(whole)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_epoch_after_it_is_whole(workers: int) -> None:
    rest, whole = loader(10, 3, workers=workers), loader(10, 3)
    with starting_at(rest, 2):
        assert sum(len(b) for b in rest) == 4
    rest.sampler.set_epoch(1)
    whole.sampler.set_epoch(1)
    assert [b.tolist() for b in rest] == [b.tolist() for b in whole]
