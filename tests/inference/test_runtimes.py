from __future__ import annotations

import numpy as np
import pytest
import torch

from mmaction.errors import CheckpointError
from mmaction.inference.runtimes import Runtime, RuntimeRecognizer


def test_a_description_of_other_classes_than_the_graphs_is_refused() -> None:
    """Of so many that their names alone would fill the memory, before anything is made of them."""
    runtime = Runtime(
        title="numpy",
        run=lambda values: {"scores": np.zeros((len(values), 3), np.float32)},
        batch=None,
        uint8_input=False,
        text="",
    )
    clips = torch.zeros(2, 3, 4, 8, 8)
    model = dict(clip_len=4, num_classes=3)
    assert RuntimeRecognizer(runtime=runtime, model=model)(clips).scores.shape == (2, 3)
    with pytest.raises(CheckpointError, match="scores 3 classes, its description says 4"):
        RuntimeRecognizer(runtime=runtime, model={**model, "num_classes": 4})(clips)
    with pytest.raises(CheckpointError, match="num_classes=1000000000000: at most"):
        RuntimeRecognizer(runtime=runtime, model={**model, "num_classes": 10**12})
