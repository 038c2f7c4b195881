from __future__ import annotations

import pytest

from mmaction.errors import ConfigError
from mmaction.explain.explainers import options


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "2", None])
def test_a_count(value) -> None:
    assert options.check_count("rise", "masks", 3) == 3
    with pytest.raises(ConfigError, match="explainer rise: masks=.*a whole number, 1 or more"):
        options.check_count("rise", "masks", value)


@pytest.mark.parametrize("value", [-1, 2**31, 0.5, False, "0"])
def test_a_seed(value) -> None:
    assert options.check_seed("rise", 2**31 - 1) == 2**31 - 1
    with pytest.raises(ConfigError, match="explainer rise: seed=.*a whole number, 0 to 2147483647"):
        options.check_seed("rise", value)


@pytest.mark.parametrize("value", [(1, 2), (1, 2, 0), (1, 2, 3.0), "123", 7, (1, 2, True)])
def test_sizes(value) -> None:
    assert options.check_sizes("rise", "grid", [4, 7, 7], "thw") == (4, 7, 7)
    with pytest.raises(ConfigError, match=r"3 whole numbers, 1 or more: \(t, h, w\)"):
        options.check_sizes("rise", "grid", value, "thw")


@pytest.mark.parametrize("value", [0, 0.0, 1, 1.0, 1.5, "0.5", True, float("nan")])
def test_a_share(value) -> None:
    assert options.check_share("rise", "keep", 0.5) == 0.5
    with pytest.raises(ConfigError, match="expected a number above 0 and below 1"):
        options.check_share("rise", "keep", value)


@pytest.mark.parametrize("value", ["true", 1])
def test_a_flag(value) -> None:
    assert options.check_flag("grad_cam", "per_frame", True) is True
    with pytest.raises(ConfigError, match="per_frame=.*, expected True or False"):
        options.check_flag("grad_cam", "per_frame", value)
