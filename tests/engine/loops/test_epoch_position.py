from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mmaction.datasets.batches import EpochSampler, SampleKey
from mmaction.engine.loops.epoch_position import starting_at


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
