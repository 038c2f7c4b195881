"""Real NaN in real batches, by a transform that spoils one video's colours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmaction.checkpoint.reading import read_checkpoint
from mmaction.engine.nonfinite import (
    MOST_IN_A_ROW,
    NonfiniteError,
    StepGuard,
)
from mmaction.engine.optimizers import TrainingOptimWrapper
from mmaction.errors import ConfigError
from mmaction.registry import TRANSFORMS
from tests.engine.conftest import NO_VALIDATION, Trained, needs_two

SPOIL = """
import torch
from mmaction.datasets.transforms.pipeline import Transform
from mmaction.registry import TRANSFORMS
from tests.engine.conftest import NO_VALIDATION, Trained, needs_two


@TRANSFORMS.register_module(force=True)
class Spoil(Transform):
    def __init__(self, *, name, value=float("nan")):
        self.name, self.value = name, value

    def __call__(self, results):
        if self.name in results["sample"].name:
            results["color"] = torch.full_like(results["color"], self.value)
        return results
"""


class Summed(BaseModel):
    """A linear layer whose output, through ``function``, is the loss."""

    def __init__(self, function: Callable[[Tensor], Tensor] = torch.sum) -> None:
        super().__init__()
        self.function, self.linear = function, nn.Linear(2, 1, bias=False)
        nn.init.zeros_(self.linear.weight)

    def forward(self, x: Tensor, mode: str) -> dict[str, Tensor]:
        return {"loss_sum": self.function(self.linear(x)), "largest": x.max()}


def guarded(model: nn.Module, tmp_path: Path, **options: Any) -> StepGuard:
    wrapper = TrainingOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), **options)
    runner: Any = SimpleNamespace(model=model, network=model, optim_wrapper=wrapper)
    return StepGuard(runner, on_nonfinite="stop")


def batch(first: float, second: float) -> dict[str, Tensor]:
    return {"x": torch.tensor([[first, second]], dtype=torch.float)}


def test_a_finite_step_is_taken_and_tells_its_values(tmp_path: Path) -> None:
    """The gradient is the input, of the norm 5."""
    model = Summed(lambda output: output.sum() + 2)
    guard = guarded(model, tmp_path, clip_grad=dict(max_norm=10))
    told = guard.take(batch(3, 4), 1)
    assert told == {"loss": 2, "loss_sum": 2, "largest": 4, "grad_norm": pytest.approx(5)}
    torch.testing.assert_close(model.linear.weight.detach(), torch.tensor([[-0.3, -0.4]]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_changes_no_weight(value: float, tmp_path: Path) -> None:
    model = Summed(lambda output: output.sum() + value)
    with pytest.raises(NonfiniteError, match=f"^step 7: the loss is {value:g}; clips: ;"):
        guarded(model, tmp_path).take(batch(1, 1), 7)
    assert torch.equal(model.linear.weight, torch.zeros(1, 2))


def test_gradients_alone_may_be_bad(tmp_path: Path) -> None:
    """The root has the slope 1 / 0 at 0, and the loss is 0 there."""
    model = Summed(lambda output: output.sqrt().sum())
    guard = guarded(model, tmp_path)
    with pytest.raises(NonfiniteError, match=r"not finite \(the first: linear\.weight\)"):
        guard.take(batch(1, 1), 1)
    assert torch.equal(model.linear.weight, torch.zeros(1, 2))


def test_a_bad_loss_is_noticed_while_gradients_are_added_up(tmp_path: Path) -> None:
    for before in (0, 1):
        model = Summed()
        guard = guarded(model, tmp_path, accumulative_counts=3)
        guard.runner.optim_wrapper.initialize_count_status(model, 0, 6)
        for number in range(before):
            guard.take(batch(1, 1), number)
        with pytest.raises(NonfiniteError, match="the loss is nan"):
            guard.take(batch(float("nan"), 1), before)


@pytest.mark.parametrize("accumulative_counts", [1, 2, 3])
def test_it_steps_as_mmengines(accumulative_counts: int, tmp_path: Path) -> None:
    weights = []
    for guards in (True, False):
        model = Summed(lambda output: (output - 1).square().sum())
        guard = guarded(model, tmp_path, accumulative_counts=accumulative_counts)
        wrapper: OptimWrapper = guard.runner.optim_wrapper
        if not guards:
            wrapper = OptimWrapper(wrapper.optimizer, accumulative_counts=accumulative_counts)
        wrapper.initialize_count_status(model, 0, 7)
        for number in range(7):
            if guards:
                guard.take(batch(number, 1), number)
            else:
                model.train_step(batch(number, 1), wrapper)
        weights.append(model.linear.weight.detach())
    assert torch.equal(*weights)
    assert weights[0].any()


class StepsItself(Summed):
    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        optim_wrapper.update_params(self(**data, mode="loss")["loss_sum"])
        return {"own": data["x"].sum()}


def test_a_network_may_step_by_itself(tmp_path: Path) -> None:
    model = StepsItself()
    assert guarded(model, tmp_path).take(batch(1, 2), 1) == {"own": 3}
    torch.testing.assert_close(model.linear.weight.detach(), torch.tensor([[-0.1, -0.2]]))


@pytest.fixture
def spoiled(imported: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """``spoiled(name)``: the end of a config whose videos of that name are NaN."""

    def text(name: str) -> str:
        spoil = f"dict(type='Spoil', name={name!r})"
        add = f"train_dataloader['dataset']['pipeline'].append({spoil})\n"
        return imported("spoil", SPOIL) + add

    yield text
    TRANSFORMS.module_dict.pop("Spoil", None)


def test_training_stops_with_one_line(
    spoiled: Callable[..., str],
    make_config: Callable[..., Path],
    tiny_data: Path,
    run_tool: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Exit code 2; the videos of the batch, and nothing saved after it."""
    config = make_config(tiny_data, f"{spoiled('video 1')}train_cfg['max_epochs'] = 3")
    ended = run_tool("train_recognizer", config)
    assert ended.code == 2
    assert re.fullmatch(
        r"step [12]: the loss is nan; clips: '[^']+', '[^']+'; the weights are as before .*",
        ended.error,
    )
    assert "'train/video 1'" in ended.error
    assert not list((tmp_path / "work").glob("*.pth")), "the first epoch never ended"


def test_skipped_steps_leave_no_trace_in_the_network(
    spoiled: Callable[..., str], trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"train_cfg.max_epochs": 2, "on_nonfinite": "skip"}
    runner, work_dir = trained(spoiled("video 1"), **options)
    assert (runner.epoch, runner.iter) == (2, 4)
    out = capsys.readouterr().out
    assert out.count("the step is skipped") == 2, "one of the two steps of each epoch"
    saved = read_checkpoint(work_dir / "epoch_2.pth")
    assert all(value.isfinite().all() for value in saved["state_dict"].values())
    counts = [v for k, v in saved["state_dict"].items() if k.endswith("num_batches_tracked")]
    assert {int(count) for count in counts} == {2}


def test_a_run_that_only_skips_ends(spoiled: Callable[..., str], trained: Trained) -> None:
    text = f"{spoiled('video')}{NO_VALIDATION}default_hooks['checkpoint'] = dict(save_best=None)"
    options = {"train_cfg.max_epochs": MOST_IN_A_ROW, "on_nonfinite": "skip"}
    with pytest.raises(NonfiniteError, match=rf"step {MOST_IN_A_ROW}: .* {MOST_IN_A_ROW} in a row"):
        trained(text, **options)


def test_another_word_than_stop_or_skip(trained: Trained) -> None:
    with pytest.raises(ConfigError, match=r"on_nonfinite='ignore': expected one of stop, skip"):
        trained(on_nonfinite="ignore")


@needs_two
def test_two_processes_stop_together(
    spoiled: Callable[..., str],
    make_config: Callable[..., Path],
    tiny_data: Path,
    run_process: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """One video alone is bad, so that one process alone has a bad loss; one line names it."""
    config = make_config(tiny_data, f"{spoiled('video 1')}train_dataloader['batch_size'] = 1\n")
    ended = run_process("tools/dist_train_recognizer.sh", config, 2)
    assert ended.code == 2
    assert "the loss is nan; clips: 'train/video 1'; the weights" in ended.error
