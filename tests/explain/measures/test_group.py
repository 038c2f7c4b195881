from __future__ import annotations

import pytest

from mmaction.errors import ConfigError
from mmaction.explain.measures.group import EvaluationOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [("videos", 0), ("steps", 0), ("seed", -1), ("tolerance_px", -0.5), ("sanity_videos", 0)],
)
def test_numbers_that_can_not_be(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name}={value}: expected [01] or more"):
        EvaluationOptions(**{name: value})  # type: ignore[arg-type]


def test_fills_that_are_not_known() -> None:
    with pytest.raises(ConfigError, match="^fill='blurr' is unknown; did you mean 'blur'"):
        EvaluationOptions(fill="blurr")
    with pytest.raises(ConfigError, match="temporal_fill='white' is unknown"):
        EvaluationOptions(temporal_fill="white")
