"""Does a map depend on what the network has learned?

The cascading parameter randomisation of J. Adebayo et al., "Sanity Checks for Saliency Maps",
NeurIPS 2018: from the top layer down, weights are made random, layer after layer, and the map is
compared with that of the trained network by Spearman's rank correlation. A map that shows what was
learned loses its likeness; one that stays alike (correlation 1) would look the same for a network
that knows nothing: an edge detector, a centre prior.

A tensor is made random by shuffling its values: the scale of every layer stays, so that the signal
neither dies nor explodes below norms whose statistics are kept. Tensors of one value keep it.

ST-ABN's attention is made before the attention mechanism and the perception branch: it stays the
same, correlation 1, until the cascade comes to the attention branch.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)

SANITY = ("sanity_end", "sanity_mean")
# Names of parts down to this depth are one stage of the cascade, such as ``backbone.stem``.
_DEPTH = 2


def stages_from_top(model: nn.Module) -> list[tuple[str, list[nn.Module]]]:
    """The stages of a network, the last registered first, each with its layers that have weights.

    A recognizer registers its parts in the order in which a clip passes them.
    """
    stages: dict[str, list[nn.Module]] = {}
    for name, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            stages.setdefault(".".join(name.split(".")[:_DEPTH]), []).append(module)
    return list(reversed(stages.items()))


def cascade(model: Network, *, seed: int = 0) -> Iterator[tuple[str, Network]]:
    """A copy of ``model`` that loses its training stage by stage; ``model`` stays as it is.

    Yields:
        The name of the stage that has just been made random, and the copy, one and the same
        throughout.
    """
    changed = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    for name, modules in stages_from_top(changed):
        for module in modules:
            shuffle_weights(module, generator)
        yield name, changed


def shuffle_weights(module: nn.Module, generator: torch.Generator) -> None:
    """Shuffles the values of each of a module's own parameters, not of its submodules'."""
    with torch.no_grad():
        for parameter in module.parameters(recurse=False):
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation in [-1, 1]: Pearson's, of ranks, equal values sharing their mean.

    Where ``second`` has lost all order it is 0; where ``first`` never had any, NaN.

    Args:
        first, second: float, of the same number of values.
    """
    a, b = (average_ranks(values) for values in (first, second))
    a, b = a - a.mean(), b - b.mean()
    if not a.any():
        return np.nan
    if not b.any():
        return 0.0
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def average_ranks(values: np.ndarray) -> np.ndarray:
    """float64: ranks from 1 on, equal values sharing their mean rank."""
    _, inverse, counts = np.unique(np.ravel(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse.ravel()]
