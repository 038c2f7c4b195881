"""The names of all measures of explanations, as the command line and the tables have them."""

from __future__ import annotations

from collections.abc import Sequence

from mmaction.errors import ConfigError, near
from mmaction.explain.measures.concatenation import CONCATENATION
from mmaction.explain.measures.localization import LOCALIZATION
from mmaction.explain.measures.perturbation import WAYS
from mmaction.explain.measures.sanity import SANITY

_AREAS = ("insertion_minus_deletion", "insertion", "deletion")
AREAS = (*_AREAS, *(f"lerf_{name}" for name in _AREAS))
CONFIDENCE = ("average_drop", "increase")
INTERVENTION = "intervention"
ALL = "all"

# What is measured together, and the names of the measures in it.
GROUPS: dict[str, tuple[str, ...]] = {
    **{way: tuple(f"{way}_{name}" for name in AREAS) for way in WAYS},
    "confidence": CONFIDENCE,
    "localization": LOCALIZATION,
    "concatenation": CONCATENATION,
    "sanity": SANITY,
    INTERVENTION: (INTERVENTION,),
}
# A network for each stage of the cascade, for each explainer: asked for by name.
DEFAULT_GROUPS = tuple(group for group in GROUPS if group != "sanity")
# Where less is better.
LOW_IS_GOOD = frozenset(
    {
        *(f"{way}_deletion" for way in WAYS),
        *(
            f"{way}_lerf_{name}"
            for way in WAYS
            for name in ("insertion", "insertion_minus_deletion")
        ),
        "average_drop",
        *SANITY,
    }
)


def resolve_measures(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Groups and single measures, as a user names them, as groups with what is wanted of each.

    Args:
        names: Of groups or of measures, or ``all``.

    Raises:
        ConfigError: A name is neither; the message suggests near ones.
    """
    of_measure = {measure: group for group, found in GROUPS.items() for measure in found}
    wanted: dict[str, set[str]] = {}
    for name in names:
        if name == ALL:
            return dict(GROUPS)
        group = name if name in GROUPS else of_measure.get(name)
        if group is None:
            raise ConfigError(
                f"metric {name!r} is unknown{near(name, [*GROUPS, *of_measure, ALL])}"
            )
        wanted.setdefault(group, set()).update(GROUPS.get(name, (name,)))
    return {
        group: tuple(m for m in found if m in wanted[group])
        for group, found in GROUPS.items()
        if group in wanted
    }
