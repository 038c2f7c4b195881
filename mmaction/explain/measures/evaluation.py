"""One run over videos, explainers and groups of measures."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mmaction.errors import ConfigError, near
from mmaction.explain.explainers import (
    CompensatedDifference,
    Explainer,
    FrameDifference,
    Random,
)
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


def evaluate(
    subject: Subject,
    explainers: Mapping[str, Explainer],
    *,
    groups: Mapping[str, tuple[str, ...]],
    options: EvaluationOptions,
) -> MeasureTable:
    """Measures explainers on chosen videos.

    Args:
        subject: The network and the videos.
        explainers: By the names that the table has; the controls ``random``,
            ``frame_difference`` and ``compensated_difference`` are added where they are missing, on
            the first one's grid.
        groups: What to measure, from ``resolve_measures``. Where ``options.metrics`` names nothing,
            what the model or the data set doesn't allow is left out, with a note in the table.
        options: How to measure.

    Raises:
        UserError: Something that is asked for by name can't be measured.
    """
    table = MeasureTable(
        videos=[], values={}, about=dict(seed=options.seed, settings=asdict(options))
    )
    measuring: list[MeasureGroup] = []
    for name in groups:
        group: MeasureGroup = MEASURES.module_dict[name](subject, options, table)
        try:
            group.check()
        except NotMeasurable as error:
            if options.metrics:
                raise
            table.notes.append(f"{name} left out: {error}")
        else:
            measuring.append(group)
    table.videos.extend(_video(subject, position) for position in range(len(subject)))
    explainers = _with_controls(subject, explainers, options.seed)
    table.values.update({name: {} for name in explainers})
    _measure_maps(subject, explainers, [group for group in measuring if group.reads_maps])
    for group in measuring:
        table.low_is_good.update(group.low_is_good)
        group.run(explainers)
    table.keep([measure for measures in groups.values() for measure in measures])
    return table


def _video(subject: Subject, position: int) -> dict[str, Any]:
    label, said = subject.labels[position], int(subject.classes[position])
    return dict(
        name=subject.name(position),
        label=None if label < 0 else int(label),
        prediction=said,
        probability=float(subject.probabilities[position, said]),
    )


def _with_controls(
    subject: Subject, explainers: Mapping[str, Explainer], seed: int
) -> dict[str, Explainer]:
    """The controls beside them, on the first one's grid: finer cells are another perturbation."""
    known = dict(explainers)
    named = {explainer.name for explainer in known.values()}
    first = next(iter(known.values()))
    grid = tuple(first.explain(subject.model, subject.clips([0])).spatial.shape[2:])
    controls = (
        Random(grid=grid, seed=seed),
        FrameDifference(grid=grid),
        CompensatedDifference(grid=grid),
    )
    return known | {each.name: each for each in controls if each.name not in named}


def _measure_maps(
    subject: Subject, explainers: Mapping[str, Explainer], groups: Sequence[MeasureGroup]
) -> None:
    """One pass of explanations, from which all the groups measure."""
    if not groups:
        return
    total = len(subject) * len(explainers)
    with Progress("explanations", total, "maps", stream=sys.stderr) as progress:
        for positions in subject.batched_positions():
            batch = ClipBatch(subject, positions, subject.clips(positions))
            for name, explainer in explainers.items():
                maps = subject.explain(explainer, batch.clips, batch.classes)
                for group in groups:
                    group.measure(name, batch, *maps)
                for _ in positions:
                    progress.advance()
