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
import sys
from collections.abc import Iterator, Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from mmaction.explain.explainers import Explainer
from mmaction.explain.measures.group import MeasureGroup
from mmaction.explain.measures.importance import joint_importance
from mmaction.progress import Progress
from mmaction.registry import MEASURES

Network = TypeVar("Network", bound=nn.Module)

SANITY = ("sanity_end", "sanity_mean")
# Names of parts down to this depth are one stage of the cascade, such as ``backbone.stem``.
_DEPTH = 2


@MEASURES.register_module(name="sanity")
class Sanity(MeasureGroup):
    """Correlation of the maps with the trained network's, at the cascade's end and over it.

    It takes a network for each stage, for each explainer, and so is asked for by name.
    """

    name = "sanity"
    measures = SANITY
    low_is_good = frozenset(SANITY)
    by_default = False

    def run(self, explainers: Mapping[str, Explainer]) -> None:
        subject = self.subject
        count = min(self.options.sanity_videos, len(subject))
        # Spread over all that were chosen, which are sorted.
        positions = np.unique(np.linspace(0, len(subject) - 1, count).astype(int)).tolist()
        clips, classes = subject.clips(positions), subject.classes[positions]
        before = {
            name: joint_importance(*subject.explain(explainer, clips, classes))
            for name, explainer in explainers.items()
        }
        total = len(stages_from_top(subject.model)) * len(before)
        with Progress(self.name, total, "maps", stream=sys.stderr) as progress:
            for stage, changed in cascade(subject.model, seed=self.options.seed):
                for name, explainer in explainers.items():
                    maps = subject.explain(explainer, clips, classes, changed)
                    after = joint_importance(*maps)
                    values = [spearman(a, b) for a, b in zip(before[name], after, strict=True)]
                    self.table.stages.setdefault(name, {})[stage] = np.array(values)
                    progress.advance()
        for name, stages in self.table.stages.items():
            by_stage = np.stack(list(stages.values()))
            for measure, values in zip(SANITY, (by_stage[-1], by_stage.mean(axis=0)), strict=True):
                for position, value in zip(positions, values, strict=True):
                    self.table.put(name, measure, position, value)


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
