"""One run over videos, explainers and groups of measures."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mmaction.errors import ConfigError, near
from mmaction.explain.explainers import Explainer, Random
from mmaction.explain.measures.group import (
    ClipBatch,
    EvaluationOptions,
    MeasureGroup,
    NotMeasurable,
)
from mmaction.explain.measures.subject import Subject
from mmaction.explain.measures.table import MeasureTable
from mmaction.progress import Progress
from mmaction.registry import MEASURES

ALL = "all"


def resolve_measures(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Groups and single measures, as a user names them, as groups with what is wanted of each.

    Args:
        names: Of groups or of measures, or ``all``; empty: the groups that are measured by default.

    Raises:
        ConfigError: A name is neither; the message suggests near ones.
    """
    groups: dict[str, type[MeasureGroup]] = MEASURES.module_dict
    group_of = {measure: name for name, group in groups.items() for measure in group.measures}
    wanted: set[str] = set()
    for name in names or [name for name, group in groups.items() if group.by_default]:
        if name == ALL:
            wanted.update(group_of)
        elif name in groups:
            wanted.update(groups[name].measures)
        elif name in group_of:
            wanted.add(name)
        else:
            known = [*groups, *group_of, ALL]
            raise ConfigError(f"metric {name!r} is unknown{near(name, known)}")
    found = {
        name: tuple(m for m in group.measures if m in wanted) for name, group in groups.items()
    }
    return {name: measures for name, measures in found.items() if measures}


class Evaluation:
    """Measures explainers on chosen videos.

    Args:
        subject: The network and the videos.
        explainers: By the names that the table has; the control ``random`` is added where it is
            missing, on the first one's grid.
        groups: What to measure, from ``resolve_measures``. Where ``options.metrics`` names nothing,
            what the model or the data set doesn't allow is left out, with a note in the table.
        options: How to measure.

    Raises:
        UserError: Something that is asked for by name can't be measured.
    """

    def __init__(
        self,
        subject: Subject,
        explainers: Mapping[str, Explainer],
        *,
        groups: Mapping[str, tuple[str, ...]],
        options: EvaluationOptions,
    ) -> None:
        self.subject = subject
        self.explainers = dict(explainers)
        self.options = options
        self.wanted = [measure for measures in groups.values() for measure in measures]
        about = dict(seed=options.seed, settings=asdict(options))
        self.table = MeasureTable(videos=[], values={}, about=about)
        self.groups: list[MeasureGroup] = []
        for name in groups:
            group: MeasureGroup = MEASURES.module_dict[name](subject, options, self.table)
            try:
                group.check()
            except NotMeasurable as error:
                if options.metrics:
                    raise
                self.table.notes.append(f"{name} left out: {error}")
            else:
                self.groups.append(group)

    def run(self) -> MeasureTable:
        """Measures everything."""
        self.table.videos.extend(self._video(position) for position in range(len(self.subject)))
        self._add_random()
        self.table.values.update({name: {} for name in self.explainers})
        self._measure_maps([group for group in self.groups if group.reads_maps])
        for group in self.groups:
            self.table.low_is_good.update(group.low_is_good)
            group.run(self.explainers)
        self.table.keep(self.wanted)
        return self.table

    def _video(self, position: int) -> dict[str, Any]:
        label, said = self.subject.labels[position], int(self.subject.classes[position])
        return dict(
            name=self.subject.name(position),
            label=None if label < 0 else int(label),
            prediction=said,
            probability=float(self.subject.probabilities[position, said]),
        )

    def _add_random(self) -> None:
        """The control, on the grid of the first explainer: finer cells are another perturbation."""
        if any(explainer.name == Random.name for explainer in self.explainers.values()):
            return
        first = next(iter(self.explainers.values()))
        grid = tuple(first.explain(self.subject.model, self.subject.clips([0])).spatial.shape[2:])
        self.explainers[Random.name] = Random(grid=grid, seed=self.options.seed)

    def _measure_maps(self, groups: Sequence[MeasureGroup]) -> None:
        """One pass of explanations, from which all the groups measure."""
        if not groups:
            return
        total = len(self.subject) * len(self.explainers)
        with Progress("explanations", total, "maps", stream=sys.stderr) as progress:
            for positions in self.subject.batched_positions():
                batch = ClipBatch(self.subject, positions, self.subject.clips(positions))
                for name, explainer in self.explainers.items():
                    maps = self.subject.explain(explainer, batch.clips, batch.classes)
                    for group in groups:
                        group.measure(name, batch, *maps)
                    for _ in positions:
                        progress.advance()
