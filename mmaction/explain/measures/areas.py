"""Areas under the curves of insertion and deletion, in space and time (see ``perturbation``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmaction.explain.measures.group import ClipBatch, MeasureGroup
from mmaction.explain.measures.perturbation import Perturbation, areas
from mmaction.registry import MEASURES

_AREAS = ("insertion_minus_deletion", "insertion", "deletion")
_LOW_IS_GOOD = ("deletion", "lerf_insertion", "lerf_insertion_minus_deletion")


class Areas(MeasureGroup):
    """Insertion, deletion and their difference, most and least relevant units first.

    Args:
        domain: Of the subclass, one of ``perturbation.DOMAINS``; its name too.
    """

    reads_maps = True

    def __init_subclass__(cls, *, domain: str) -> None:
        cls.name = domain
        cls.measures = tuple(f"{domain}_{order}{a}" for order in ("", "lerf_") for a in _AREAS)
        cls.low_is_good = frozenset(f"{domain}_{area}" for area in _LOW_IS_GOOD)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.perturbation = Perturbation(options=self.options, black=self.subject.black)

    def measure(
        self, explainer: str, batch: ClipBatch, spatial: np.ndarray, temporal: np.ndarray
    ) -> None:
        for i, position in enumerate(batch.positions):
            curves = self.perturbation.curves(
                self.subject.score,
                batch.clips[i],
                spatial[i],
                temporal[i],
                target=int(batch.classes[i]),
                domain=self.name,
                rng=self.rng(position),
            )
            for area, value in areas(curves).items():
                self.table.put(explainer, f"{self.name}_{area}", position, value)
            of_explainer = self.table.curves.setdefault(explainer, {})
            kept = of_explainer.setdefault(self.name, {"fractions": curves.pop("fractions")})
            for curve, values in curves.items():
                empty = np.full((len(self.subject), len(values)), np.nan)
                kept.setdefault(curve, empty)[position] = values


@MEASURES.register_module(name="joint")
class Joint(Areas, domain="joint"):
    """Of space-time cells."""


@MEASURES.register_module(name="spatial")
class Spatial(Areas, domain="spatial"):
    """Of equally many cells of each frame."""


@MEASURES.register_module(name="temporal")
class Temporal(Areas, domain="temporal"):
    """Of whole frames."""
