from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmaction.checkpoint.description import Layout
from mmaction.errors import CheckpointError
from mmaction.inference.runtimes import Runtime, RuntimeRecognizer


def test_a_description_of_other_classes_than_the_graphs_is_refused() -> None:
    """Of so many that their names alone would fill the memory, before anything is made of them."""
    layout = Layout(
        input="clips",
        axes="BCTHW",
        shape=(-1, 3, 4, 8, 8),
        dtype="float32",
        colors="RGB",
        mean=(0, 0, 0),
        std=(1, 1, 1),
        views=1,
        outputs={"scores": "BK"},
    )
    runtime = Runtime("numpy", lambda values: [np.zeros((len(values), 3), np.float32)], layout)
    clips = torch.zeros(2, 3, 4, 8, 8)
    model = dict(clip_len=4, num_classes=3)
    assert RuntimeRecognizer(runtime=runtime, model=model)(clips).scores.shape == (2, 3)
    with pytest.raises(CheckpointError, match="scores 3 classes, its description says 4"):
        RuntimeRecognizer(runtime=runtime, model={**model, "num_classes": 4})(clips)
    two = replace(layout, outputs={"scores": "BK", "temporal_attention": "BT"})
    with pytest.raises(CheckpointError, match="1 outputs, its description says 2"):
        RuntimeRecognizer(runtime=replace(runtime, layout=two), model=model)(clips)
    with pytest.raises(CheckpointError, match="num_classes=1000000000000: at most"):
        RuntimeRecognizer(runtime=runtime, model={**model, "num_classes": 10**12})
