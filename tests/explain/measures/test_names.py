from __future__ import annotations

import pytest

from mmaction.errors import ConfigError
from mmaction.explain.measures.names import GROUPS, LOW_IS_GOOD, resolve_measures


def test_groups_and_single_measures() -> None:
    found = resolve_measures(["energy", "confidence", "pointing", "sanity_end"])
    assert found == {
        "confidence": ("average_drop", "increase"),
        "localization": ("pointing", "energy"),
        "sanity": ("sanity_end",),
    }
    assert resolve_measures(["temporal", "all"]) == GROUPS


def test_no_name_is_there_twice() -> None:
    measures = [measure for found in GROUPS.values() for measure in found]
    assert len(measures) == len(set(measures))
    assert set(measures) >= LOW_IS_GOOD


def test_an_unknown_name() -> None:
    with pytest.raises(ConfigError, match="metric 'pointin' is unknown; did you mean 'pointing'"):
        resolve_measures(["pointin"])
