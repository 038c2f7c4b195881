"""torch.compile takes a recognizer as one graph; looked at without running a compiler."""

from __future__ import annotations

import pytest
import torch

dynamo = pytest.importorskip("torch._dynamo")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("depth", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_the_graph_is_unbroken(make_st_abn, depth: int, training: bool) -> None:
    dynamo.reset()
    model = make_st_abn(backbone=dict(depth=depth)).train(training)
    clips = torch.randn(1, 3, 4, 32, 32).to(memory_format=torch.channels_last_3d)
    found = dynamo.explain(model)(clips)
    assert (found.graph_count, found.graph_break_count) == (1, 0), found.break_reasons
