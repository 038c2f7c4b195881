"""An epoch from its middle on, without loading what comes before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from torch.utils.data import DataLoader, Sampler


class _Rest(Sampler[Any]):
    """What ``whole`` gives after its first ``done`` samples."""

    def __init__(self, whole: Any, done: int) -> None:
        self.whole = whole
        self.done = done

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self.whole), self.done, None)

    def __len__(self) -> int:
        return max(0, len(self.whole) - self.done)


@contextmanager
def starting_at(loader: DataLoader, batches: int) -> Iterator[None]:
    """Within it, an iteration over ``loader`` begins after its first ``batches`` batches.

    None of those is loaded: the sampler's numbers alone are drawn and dropped. The loader's length
    stays what it is.
    """
    # Both samplers take what they pass on from an attribute of this name.
    sampler: Any = loader.batch_sampler
    whole = sampler.sampler
    sampler.sampler = _Rest(whole, batches * sampler.batch_size)
    try:
        yield
    finally:
        sampler.sampler = whole
