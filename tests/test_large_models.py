"""Every switch of docs/large_models.md, as it is written there, in a training of two steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mmaction.apis import load_config, train
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.engine import ActionRunner

GUIDE = Path(__file__).resolve().parents[1] / "docs/large_models.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
MakeConfig = Callable[..., Path]
Train = Callable[..., ActionRunner]


def snippet(word: str) -> str:
    [found] = [text for text in SNIPPETS if word in text]
    return found


@pytest.fixture
def trained(make_config: MakeConfig, tiny_data: Path, tmp_path: Path) -> Train:
    """``trained(text)``: a training of two steps with a config that says ``text`` on its base."""
    base = make_config(tiny_data)

    def run(text: str, name: str) -> ActionRunner:
        path = tmp_path / f"{name}.py"
        own = (
            f"experiment_name = {f'{tmp_path.name}_{name}'!r}\nwork_dir = {str(tmp_path / name)!r}"
        )
        path.write_text(f"_base_ = {str(base)!r}\n{own}\n{text}")
        return train(load_config(path, {"randomness.seed": 0}))

    return run


@pytest.mark.parametrize("text", SNIPPETS)
def test_a_switch_trains_and_validates(text: str, trained: Train) -> None:
    if "TrainingAmpOptimWrapper" in text and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    runner = trained(text, "run")
    assert runner.iter == 2
    state = read_checkpoint(Path(runner.work_dir) / "epoch_1.pth")["state_dict"]
    assert all(value.isfinite().all() for value in state.values())
    assert runner.message_hub.get_scalar("val/perception/top1").data[0].size == 1


def test_accumulated_gradients_are_one_step(trained: Train) -> None:
    """Two batches make one step: with lr 0 for all but it, momentum is the mean gradient."""
    runner = trained(snippet("accumulative_counts"), "run")
    start = trained("optim_wrapper = dict(optimizer=dict(lr=0.0))", "start")
    optimizer = runner.optim_wrapper.optimizer
    [group] = optimizer.param_groups
    before = start.model.state_dict()
    for name, weight in runner.model.named_parameters():
        momentum = optimizer.state[weight]["momentum_buffer"]
        # SGD's first step: its momentum is the gradient.
        lr = group["initial_lr"]
        torch.testing.assert_close(before[name] - weight, lr * momentum, rtol=1e-3, atol=1e-6)
