from __future__ import annotations

import pytest

from mmaction.errors import ConfigError
from mmaction.explain.measures import resolve_measures
from mmaction.registry import MEASURES


def test_groups_and_single_measures() -> None:
    found = resolve_measures(["energy", "confidence", "pointing", "sanity_end"])
    assert found == {
        "confidence": ("average_drop", "increase"),
        "localization": ("pointing", "energy"),
        "sanity": ("sanity_end",),
    }
    whole = {name: group.measures for name, group in MEASURES.module_dict.items()}
    assert resolve_measures(["temporal", "all"]) == whole
    assert whole.keys() - resolve_measures([]) == {"sanity"}


def test_no_name_is_there_twice() -> None:
    groups = MEASURES.module_dict
    measures = [measure for group in groups.values() for measure in group.measures]
    assert len(measures) == len(set(measures))
    for name, group in groups.items():
        assert group.name == name
        assert set(group.measures) >= group.low_is_good


def test_an_unknown_name() -> None:
    with pytest.raises(ConfigError, match="metric 'pointin' is unknown; did you mean 'pointing'"):
        resolve_measures(["pointin"])
