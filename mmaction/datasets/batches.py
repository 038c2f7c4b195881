"""Which sample comes when, what its random numbers depend on, and how samples become a batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, default_collate

from mmaction.errors import ConfigError, DataError
from mmaction.registry import DATA_SAMPLERS, FUNCTIONS


class SampleKey(NamedTuple):
    """All that a sample depends on: not the worker, the process or the batch it comes in."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which no key needs
    epoch: int = 0
    seed: int = 0
    draw: int = 0  # how often the epoch has taken this video before

    def rng(self) -> np.random.Generator:
        """The sample's own random number generator."""
        again = [self.draw] if self.draw else []
        return np.random.default_rng([self.seed, self.epoch, self.index, *again])


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
        class_balanced: Take every class equally often (but for a remainder), in an epoch of as
            many samples as the data set has: videos of small classes come several times, each
            time cropped anew, and of large ones some in this epoch and others in the next.
            Needs ``dataset.labels``.

    Raises:
        ConfigError: ``class_balanced`` without ``shuffle``, or for a data set without labels.
    """

    def __init__(
        self,
        dataset: Sized,
        *,
        shuffle: bool = True,
        seed: int | None = None,
        round_up: bool = True,
        class_balanced: bool = False,
    ) -> None:
        self.dataset = dataset
        self.labels = _require_labels(dataset, shuffle=shuffle) if class_balanced else None
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.round_up = round_up
        self.epoch = 0
        self.rank, self.world_size = get_dist_info()

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next; mmengine's runner does so."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[SampleKey]:
        order, draws = self._order()
        if self.round_up:
            order, draws = (np.resize(a, len(self) * self.world_size) for a in (order, draws))
        mine = slice(self.rank, None, self.world_size)
        for index, draw in zip(order[mine], draws[mine], strict=True):
            yield SampleKey(int(index), self.epoch, self.seed, int(draw))

    def _order(self) -> tuple[np.ndarray, np.ndarray]:
        """The epoch's videos over all processes, and how often each came before; both int64, N."""
        order = np.arange(len(self.dataset))
        draws = np.zeros_like(order)
        rng = np.random.default_rng([self.seed, self.epoch])
        if self.labels is not None:
            order, draws = balanced_order(self.labels, rng)
        if self.shuffle:
            shuffled = rng.permutation(len(order))
            order, draws = order[shuffled], draws[shuffled]
        return order, draws

    def __len__(self) -> int:
        if self.round_up:
            return math.ceil(len(self.dataset) / self.world_size)
        return len(range(self.rank, len(self.dataset), self.world_size))


def balanced_order(labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """N videos of N such that each of the C classes there are comes N // C times or once more.

    Within a class the videos are taken in a drawn order, round after round: none comes twice before
    each has come once.

    Args:
        labels: int64, N.
        rng: Draws the order within classes, and which of them come once more.

    Returns:
        Indices of videos and how often each came before, both int64, N, class by class.
    """
    classes = np.unique(labels)
    counts = np.full(len(classes), len(labels) // len(classes))
    counts[rng.permutation(len(classes))[: len(labels) % len(classes)]] += 1
    order, draws = [], []
    for label, count in zip(classes, counts, strict=True):
        members = rng.permutation(np.flatnonzero(labels == label))
        taken = np.arange(count)
        order.append(members[taken % len(members)])
        draws.append(taken // len(members))
    return np.concatenate(order), np.concatenate(draws)


def _require_labels(dataset: Sized, *, shuffle: bool) -> np.ndarray:
    labels = getattr(dataset, "labels", None)
    if not shuffle:
        raise ConfigError("EpochSampler: class_balanced=True needs shuffle=True")
    if labels is None or (labels < 0).any():
        raise ConfigError("EpochSampler: class_balanced=True needs a label on every line")
    return labels


# mmengine looks collate functions up in its own registry, without the scope of the config.
@MMENGINE_FUNCTIONS.register_module()
@FUNCTIONS.register_module()
def collate_clips(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Stack B items of a data set.

    Args:
        items: Each ``inputs`` uint8 V×T×H×W×3, ``color`` float32 3×4, ``sample`` ClipSample.

    Returns:
        ``inputs`` uint8 B×V×T×H×W×3, ``color`` float32 B×3×4, ``samples`` list of B. Of a
        ``FeatureDataset``'s items: ``features`` float16 B×C×T×h×w, ``samples``.

    Raises:
        DataError: Clips of different shapes.
    """
    first = items[0]
    tensors = [key for key, value in first.items() if isinstance(value, Tensor)]
    for item in items if "inputs" in first else ():
        if item["inputs"].shape != first["inputs"].shape:
            raise DataError(
                f"one batch holds clips of different shapes: '{first['sample'].name}' is"
                f" {_shape(first['inputs'])} and '{item['sample'].name}' is"
                f" {_shape(item['inputs'])}; give the pipeline a crop or Resize(size=…)"
            )
    # In a worker straight into the shared memory that takes the batch to the main process.
    batch = {key: default_collate([item[key] for item in items]) for key in tensors}
    return {**batch, "samples": [item["sample"] for item in items]}


def _shape(inputs: Tensor) -> str:
    views, frames, height, width, _ = inputs.shape
    return f"{views} views × {frames} frames × {height}×{width} pixels"


class _Rest(Sampler[Any]):
    """What ``whole`` gives after its first ``done`` samples."""

    def __init__(self, whole: Any, done: int) -> None:
        self.whole = whole
        self.done = done

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self.whole), self.done, None)

    def __len__(self) -> int:
        return len(self.whole)  # the loader's, by which checkpoints tell where in an epoch they are


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
