from __future__ import annotations

import pytest

from mmaction.errors import ConfigError
from mmaction.explain.measures.options import EvaluationOptions


@pytest.mark.parametrize(
    ("name", "value"),
    [("videos", 0), ("steps", 0), ("seed", -1), ("tolerance_px", -0.5), ("sanity_videos", 0)],
)
def test_numbers_that_can_not_be(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name}={value}: expected [01] or more"):
        EvaluationOptions(**{name: value})  # type: ignore[arg-type]
