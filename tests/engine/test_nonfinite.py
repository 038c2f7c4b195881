"""Real NaN in real batches, by a transform that spoils one video's colours."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmaction.apis import load_config, train
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.engine.nonfinite import (
    MOST_IN_A_ROW,
    NonfiniteError,
    NonfiniteStep,
    StepGuard,
    nonfinite_gradients,
)
from mmaction.engine.optim_wrappers import TrainingOptimWrapper
from mmaction.errors import ConfigError
from mmaction.registry import TRANSFORMS

REPO = Path(__file__).resolve().parents[2]
SPOIL = """
import torch
from mmaction.datasets.transforms.pipeline import Transform
from mmaction.registry import TRANSFORMS


@TRANSFORMS.register_module(force=True)
class Spoil(Transform):
    def __init__(self, *, name, value=float("nan")):
        self.name, self.value = name, value

    def __call__(self, results):
        if self.name in results["sample"].name:
            results["color"] = torch.full_like(results["color"], self.value)
        return results
"""


def guarded(
    model: nn.Module, lr: float = 0.1, accumulative_counts: int = 1
) -> TrainingOptimWrapper:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    wrapper = TrainingOptimWrapper(optimizer, accumulative_counts=accumulative_counts)
    guard = StepGuard(None, on_nonfinite="stop")  # type: ignore[arg-type]  # of no run
    wrapper.before_step = guard.look
    return wrapper


def test_a_finite_step_is_taken() -> None:
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    wrapper = guarded(model)
    wrapper.update_params(model(torch.tensor([[1.0, 2.0]])).sum())
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[-0.1, -0.2]]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_changes_no_weight(value: float) -> None:
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()
    wrapper = guarded(model)
    with pytest.raises(NonfiniteStep) as raised:
        wrapper.update_params((model(torch.ones(1, 2)) * value).sum())
    assert torch.equal(model.weight, before)
    assert not math.isfinite(raised.value.args[0])


def test_gradients_alone_may_be_bad() -> None:
    """The root has the slope 1 / 0 at 0, and the loss is 0 there."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    wrapper = guarded(model)
    with pytest.raises(NonfiniteStep) as raised:
        wrapper.update_params(model(torch.ones(1, 1)).sqrt().sum())
    assert raised.value.args[0] == 0
    assert nonfinite_gradients(model) == ["weight"]
    assert torch.equal(model.weight, torch.zeros(1, 1))


def test_a_bad_loss_is_noticed_while_gradients_are_added_up() -> None:
    model = nn.Linear(2, 1)
    wrapper = guarded(model, accumulative_counts=2)
    wrapper.update_params(model(torch.ones(1, 2)).sum())
    assert not wrapper.should_update()
    wrapper.initialize_count_status(model, 0, 4)
    with pytest.raises(NonfiniteStep):
        wrapper.update_params((model(torch.ones(1, 2)) * float("nan")).sum())


def test_the_first_of_added_gradients_is_looked_at_too() -> None:
    model = nn.Linear(2, 1)
    wrapper = guarded(model, accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 4)
    with pytest.raises(NonfiniteStep):
        wrapper.update_params((model(torch.ones(1, 2)) * float("inf")).sum())


@pytest.mark.parametrize("accumulative_counts", [1, 2, 3])
def test_it_steps_as_mmengines(accumulative_counts: int) -> None:
    weights = []
    for kind in (OptimWrapper, TrainingOptimWrapper):
        torch.manual_seed(0)
        model = nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        wrapper = kind(optimizer, accumulative_counts=accumulative_counts)
        wrapper.initialize_count_status(model, 0, 7)
        for number in range(7):
            wrapper.update_params(model(torch.full((1, 2), float(number))).square().sum())
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*weights)


@pytest.fixture
def spoiled(
    make_config: Callable[..., Path],
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Path]:
    """``spoiled(name, text)``: a config whose videos of that name are NaN."""
    (tmp_path / "spoil.py").write_text(SPOIL)
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, text: str = "") -> Path:
        return make_config(
            tiny_data,
            "custom_imports = dict(imports=['spoil'])\n"
            "train_dataloader['dataset']['pipeline'].append("
            f"dict(type='Spoil', name={name!r}))\n{text}",
        )

    yield make
    sys.modules.pop("spoil", None)
    TRANSFORMS.module_dict.pop("Spoil", None)


def test_training_stops_with_one_line_and_keeps_the_batch(
    spoiled: Callable[..., Path], run_tool: Callable[..., Any], tmp_path: Path
) -> None:
    """Exit code 2; the videos of the batch, its frames, and nothing saved after it."""
    ended = run_tool("train_recognizer", spoiled("video 1", "train_cfg['max_epochs'] = 3"))
    assert ended.code == 2
    [path] = (tmp_path / "work/nonfinite").iterdir()
    kept = torch.load(path, weights_only=True)
    assert ended.error.startswith(f"step {kept['step']}: the loss is nan; clips: ")
    assert "'train/video 1'" in ended.error
    assert f"the batch is kept in {path}" in ended.error
    assert "train/video 1" in kept["names"]
    assert len(kept["names"]) == len(kept["labels"]) == 2
    assert kept["batch"]["inputs"].shape == (2, 1, 4, 32, 32, 3)
    spoiled_rows = [name == "train/video 1" for name in kept["names"]]
    assert kept["batch"]["color"].isnan().all(dim=(1, 2)).tolist() == spoiled_rows
    assert kept["nonfinite_gradients"]
    assert not list((tmp_path / "work").glob("*.pth")), "the first epoch never ended"


def test_skipped_steps_leave_no_trace_in_the_network(
    spoiled: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = train(
        load_config(spoiled("video 1", "train_cfg['max_epochs'] = 2\non_nonfinite = 'skip'"))
    )
    assert (runner.epoch, runner.iter) == (2, 4)
    out = capsys.readouterr().out
    assert out.count("the step is skipped") == 2, "one of the two steps of each epoch"
    saved = read_checkpoint(tmp_path / "work/epoch_2.pth")
    assert all(value.isfinite().all() for value in saved["state_dict"].values())
    counts = [v for k, v in saved["state_dict"].items() if k.endswith("num_batches_tracked")]
    assert {int(count) for count in counts} == {2}
    assert len(list((tmp_path / "work/nonfinite").iterdir())) == 2


def test_a_run_that_only_skips_ends(spoiled: Callable[..., Path]) -> None:
    epochs = (
        f"train_cfg['max_epochs'] = {MOST_IN_A_ROW}\non_nonfinite = 'skip'\nval_dataloader = None\n"
    )
    config = spoiled("video", epochs + "val_cfg = val_evaluator = None")
    cfg = load_config(config)
    cfg.default_hooks.checkpoint.save_best = None
    with pytest.raises(NonfiniteError, match=rf"step {MOST_IN_A_ROW}: .* {MOST_IN_A_ROW} in a row"):
        train(cfg)


def test_another_word_than_stop_or_skip(tiny_config: Path) -> None:
    cfg = load_config(tiny_config, {"on_nonfinite": "ignore"})
    with pytest.raises(ConfigError, match=r"on_nonfinite='ignore': expected one of stop, skip"):
        train(cfg)


def test_two_processes_stop_together(
    spoiled: Callable[..., Path], run_process: Callable[..., Any], tmp_path: Path
) -> None:
    """One video alone is bad, so that one process alone has a bad loss; one line names it."""
    if 0 < torch.cuda.device_count() < 2:
        pytest.skip("two GPUs")
    path = os.pathsep.join([str(tmp_path), str(REPO)])
    config = spoiled("video 1", "train_dataloader['batch_size'] = 1\n")
    ended = run_process("tools/dist_train_recognizer.sh", config, 2, PYTHONPATH=path)
    assert ended.code == 2
    assert "the loss is nan; clips: 'train/video 1'; the batch" in ended.error
    names = sorted(p.name for p in (tmp_path / "work/nonfinite").iterdir())
    step = ended.error.split(":")[0].removeprefix("step ")
    assert names == [f"step_{step}_process_{rank}.pth" for rank in range(2)]
