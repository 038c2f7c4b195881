"""A hook for tests: what a process keeps of a network between two steps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from torch import Tensor

from mmaction.checkpoint.sharded_tensors import own_part
from mmaction.registry import HOOKS


@HOOKS.register_module(force=True)
class KeepSizes(Hook):
    """Writes the numbers of elements after each step."""

    def __init__(self) -> None:
        self.steps: list[dict[str, int]] = []

    def after_train_iter(self, runner: Any, *_: Any, **__: Any) -> None:
        parameters = list(runner.model.parameters())
        states = runner.optim_wrapper.optimizer.state.values()
        sizes = {
            "weights": _elements(parameters),
            "gradients": _elements(p.grad for p in parameters if p.grad is not None),
            "optimizer": _elements(state["momentum_buffer"] for state in states),
        }
        path = Path(runner.work_dir, f"sizes_{get_rank()}.json")
        self.steps.append(sizes)
        path.write_text(json.dumps(self.steps))


def _elements(tensors: Iterable[Tensor]) -> int:
    return sum(own_part(tensor).numel() for tensor in tensors)
