"""Results of made-up videos."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mmaction.structures import ClipSample, VideoResult


@pytest.fixture(scope="session")
def make_result() -> Callable[..., VideoResult]:
    """``make_result(index)``: random scores that depend on the index alone."""

    def make(
        index: int, *, label: int | None = 0, attention: bool = True, classes: int = 4
    ) -> VideoResult:
        rng = np.random.default_rng(index)
        scores, attention_scores = torch.from_numpy(rng.random((2, classes), dtype=np.float32))
        return VideoResult(
            ClipSample(index, f"video {index}", label, np.zeros((1, 2), dtype=np.int64)),
            scores=scores,
            attention_scores=attention_scores if attention else None,
        )

    return make
