"""Weights in this project's names, by what there is to know of another code base's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmaction.errors import CheckpointError

_RESNET = re.compile(r"backbone\.(stem|layer\d)\.")


@dataclass(frozen=True)
class Layout:
    """One code base's names.

    Attributes:
        name: What ``--from`` calls it.
        title: What a message calls it.
        mark: A pattern that one of its names starts with, and no other layout's does.
        names: Patterns of the starts of its names, and the starts of this project's names for the
            same weights. The first that fits counts.
        unused: Pattern of what it carries and that has no place here.
        why_unused: Why not.
        assumes: What its networks compute that no weight tells, by the keys of
            ``checkpoint.assumptions``; None where it makes networks of many kinds.
        model: What a config's ``model`` says of a backbone of another library whose weights they
            are, and whose names they get; None where they are those of a network of this project.
        backbone: Options of ``ResNet3D`` that its networks have and no weight tells.
        preprocessor: Options of the ``ClipPreprocessor``, where they are not the default.
    """

    name: str
    title: str
    mark: str
    names: tuple[tuple[str, str], ...]
    unused: str | None = None
    why_unused: str = "the network does not use them"
    assumes: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    backbone: Mapping[str, Any] = field(default_factory=dict)
    preprocessor: Mapping[str, Any] | None = None

    def recognises(self, names: Collection[str]) -> bool:
        """Whether ``names``, of a whole checkpoint, are this layout's."""
        return any(re.match(self.mark, name) for name in names)

    def rename(self, name: str) -> str | None:
        """This project's name for the weight, or None where it is left out.

        Raises:
            KeyError: The layout has no such name.
        """
        for pattern, own in self.names:
            found = re.match(pattern, name)
            if found:
                return found.expand(own) + name[found.end() :]
        if self.unused is not None and re.match(self.unused, name):
            return None
        raise KeyError(name)


@dataclass
class Renamed:
    """A checkpoint's weights in this project's names.

    Attributes:
        state: Weights by name.
        theirs: The names they had, by this project's.
        dropped: How many were left out, by the start of their names, such as ``necks.tpn``.
        unknown: Names that the layout has not.
    """

    state: dict[str, Tensor] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    unknown: list[str] = field(default_factory=list)


def of_clips(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Kernels of a ``ResNet3D`` for images, O×I×h×w, as those of clips, O×I×1×h×w."""
    return {
        name: value.unsqueeze(2) if value.ndim == 4 and _RESNET.match(name) else value
        for name, value in state.items()
    }


def renamed(state: Mapping[str, Tensor], layout: Layout, *, source: str | Path) -> Renamed:
    """Gives the weights this project's names.

    Args:
        state: Weights by name, without ``module.``.
        layout: Whose names they have.
        source: What messages call the checkpoint.

    Raises:
        CheckpointError: Two weights become one.
    """
    found = Renamed()
    for name, value in state.items():
        try:
            own = layout.rename(name)
        except KeyError:
            found.unknown.append(name)
            continue
        if own is None:
            found.dropped[".".join(name.split(".")[:2])] += 1
        elif own in found.state:
            raise CheckpointError(f"{source}: two weights become {own}, one of them {name}")
        else:
            found.state[own], found.theirs[own] = value, name
    # Norms' counters of batches where they are missing: torch has them since 0.4.1.
    for name in [n for n in found.state if n.endswith(".running_mean")]:
        counter = name.replace("running_mean", "num_batches_tracked")
        found.state.setdefault(counter, torch.tensor(0))
    return found
