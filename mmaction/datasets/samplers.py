"""Which sample comes when, and what its chance depends on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from typing import NamedTuple

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmaction.registry import DATA_SAMPLERS


class SampleKey(NamedTuple):
    """All that a sample depends on: not the worker, the process or the batch it comes in."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which no key needs
    epoch: int = 0
    seed: int = 0

    def rng(self) -> np.random.Generator:
        """The sample's own source of chance."""
        return np.random.default_rng([self.seed, self.epoch, self.index])


@DATA_SAMPLERS.register_module()
class EpochSampler(Sampler[SampleKey]):
    """An epoch's samples for this process.

    The order is drawn anew every epoch, the same in all processes; process r of N takes every
    N-th from the r-th on. So N processes with batches of B together see the global batches that
    one process with batches of N·B sees.

    Args:
        dataset: Whatever has a length.
        shuffle: Draw the order; otherwise the order of the data set.
        seed: Of the order and of the samples; None: one drawn and shared by all processes.
        round_up: Give all processes equally many samples, by repeating the first ones
            (training); otherwise every sample comes exactly once over all processes (testing).
    """

    def __init__(
        self,
        dataset: Sized,
        *,
        shuffle: bool = True,
        seed: int | None = None,
        round_up: bool = True,
    ) -> None:
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.round_up = round_up
        self.epoch = 0
        self.rank, self.world_size = get_dist_info()

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next; mmengine's runner does so."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[SampleKey]:
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        if self.round_up:
            order = np.resize(order, len(self) * self.world_size)
        for index in order[self.rank :: self.world_size]:
            yield SampleKey(int(index), self.epoch, self.seed)

    def __len__(self) -> int:
        if self.round_up:
            return math.ceil(len(self.dataset) / self.world_size)
        return len(range(self.rank, len(self.dataset), self.world_size))
