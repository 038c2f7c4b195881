"""A network whose answers differ from video to video."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmaction.apis import load_config
from mmaction.apis.evaluate import open_subject
from mmaction.explain.measures import EvaluationOptions


@pytest.fixture
def mixed_checkpoint(tiny_config: Path, tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A network that is sure of this in some videos and of that in others."""
    cfg = load_config(tiny_config)
    subject = open_subject(cfg, tiny_checkpoint, EvaluationOptions())
    with torch.no_grad():
        last = subject.model.perception_branch.fc
        torch.nn.init.normal_(last.weight, std=50, generator=torch.Generator().manual_seed(0))
        scores = torch.cat([subject.model(clips).scores for clips in subject.batches()])
        last.bias -= scores.mean(dim=0)
        for parameter in (last.weight, last.bias):
            parameter *= 3 / scores.std(dim=0).mean()
    path = tmp_path / "mixed.pth"
    torch.save({"state_dict": subject.model.state_dict()}, path)
    return path
