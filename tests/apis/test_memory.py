from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmaction.apis.memory import (
    StepMemory,
    activation_bytes,
    memory_limit,
    optimizer_bytes,
    warning_if_too_large,
)
from mmaction.models import STABN
from mmaction.models.activation_checkpointing import checkpointed

FLOAT = 4


class SquaredSum(nn.Module):
    """Of a linear map of clips: autograd keeps the clips, the weights and the map's result."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 5, bias=False)

    def forward(self, clips: Tensor, labels: Tensor, *, mode: str) -> dict[str, Tensor]:
        return {"loss": self.fc(clips.flatten(1)).square().sum()}


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_activations_counted_by_hand(device: str) -> None:
    clips = torch.ones(4, 3, 2, 1, 1, device=device)
    expected = 4 * 6 * FLOAT + 4 * 5 * FLOAT  # the input, and the result that is squared
    assert activation_bytes(SquaredSum().to(device), clips) == expected


@pytest.mark.parametrize(
    ("optimizer", "copies"),
    [
        (dict(type="SGD", lr=0.1), 0),
        (dict(type="SGD", lr=0.1, momentum=0.9), 1),
        (dict(type="AdamW", lr=0.1, foreach=False), 2),
    ],
)
def test_the_optimizers_state(optimizer: dict[str, Any], copies: int) -> None:
    steps = FLOAT if optimizer["type"] == "AdamW" else 0  # Adam counts its steps
    assert optimizer_bytes(SquaredSum().to("meta"), optimizer) == copies * 30 * FLOAT + steps


def test_checkpointed_blocks_keep_their_inputs() -> None:
    """In either mode less than without; ``True`` keeps all of the stem, which is most of R10's."""
    sizes = {}
    for mode in (False, "selective", True):
        backbone = dict(type="ResNet3D", depth=10, base_channels=8, num_stages=3, with_cp=mode)
        with torch.device("meta"):
            model = STABN(num_classes=3, clip_len=4, backbone=backbone).train()
        clips = torch.empty(2, 3, 4, 32, 32, device="meta")
        sizes[mode] = activation_bytes(model, clips)
    assert max(sizes[True], sizes["selective"]) < 0.9 * sizes[False]


def test_checkpointed_bytes_counted_by_hand() -> None:
    """Two blocks that keep their inputs alone, and the result that is squared."""

    class Block(nn.Module):
        with_cp = True

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv3d(3, 3, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return checkpointed(lambda y: self.conv(y).relu().exp(), x, module=self, mode=True)

    class Network(nn.Sequential):
        def forward(self, clips: Tensor, labels: Tensor, *, mode: str) -> dict[str, Tensor]:
            return {"loss": super().forward(clips).square().sum()}

    clips = torch.ones(2, 3, 1, 4, 4)
    assert activation_bytes(Network(Block(), Block()), clips) == 3 * clips.numel() * FLOAT


def test_what_is_too_large_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    limit, _ = memory_limit(1)
    assert memory_limit(2)[0] in (limit, limit // 2)  # processes share a machine, not a GPU
    fitting = StepMemory(activations=limit // 2, weights=0, gradients=0, optimizer=0)
    assert warning_if_too_large(fitting, processes=1) is None
    too_large = StepMemory(activations=limit, weights=1, gradients=0, optimizer=0)
    said = warning_if_too_large(too_large, processes=1)
    assert said is not None
    assert f"needs about {limit / 2**30:.1f} GiB" in said
    assert "batch_size" in said


def test_a_training_says_it(tiny_config: Path, run_tool: Callable[..., Any]) -> None:
    dry = run_tool("train_recognizer", tiny_config, "--dry-run").out
    [line] = [line for line in dry.splitlines() if line.startswith("memory of a step")]
    assert line in run_tool("train_recognizer", tiny_config).out
