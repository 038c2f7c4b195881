"""Steps that are judged during the next one: nothing but the moment of the look is different."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from mmengine.hooks import Hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from mmaction.apis import load_config, train
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.engine import ActionRunner
from mmaction.engine.nonfinite import MOST_IN_A_ROW, NonfiniteError
from mmaction.errors import ConfigError
from mmaction.registry import HOOKS, TRANSFORMS
from tests.engine.same_training import differing

GPU = torch.cuda.is_available()
VIDEOS, EPOCHS = 12, 3
SPOIL = """
import torch
from mmaction.datasets.transforms.pipeline import Transform
from mmaction.registry import TRANSFORMS


@TRANSFORMS.register_module(force=True)
class SpoilSome(Transform):
    def __init__(self, *, names):
        self.names = names

    def __call__(self, results):
        if results["sample"].name in self.names:
            results["color"] = torch.full_like(results["color"], float("nan"))
        return results
"""
Trained = Callable[..., tuple[ActionRunner, Path]]


@pytest.fixture(scope="module")
def dozen(tmp_path_factory: pytest.TempPathFactory, make_data: Callable[..., Path]) -> Path:
    return make_data(tmp_path_factory.mktemp("dozen"), train=VIDEOS, val=2)


@pytest.fixture
def trained(
    dozen: Path,
    make_config: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Trained]:
    """``trained(name, bad=…, **options)``: a training on a dozen, some of them NaN."""
    (tmp_path / "spoil_some.py").write_text(SPOIL)
    monkeypatch.syspath_prepend(tmp_path)

    def run(
        name: str, *, bad: tuple[int, ...] = (), text: str = "", **options: Any
    ) -> tuple[ActionRunner, Path]:
        directory = tmp_path / name
        names = [f"train/video {n}" for n in bad]
        config = make_config(
            dozen,
            "custom_imports = dict(imports=['spoil_some'])\n"
            "train_dataloader['dataset']['pipeline'].append("
            f"dict(type='SpoilSome', names={names!r}))\n"
            f"train_cfg['max_epochs'] = {EPOCHS}\n"
            "optim_wrapper['optimizer']['fused'] = True\n"
            "optim_wrapper['clip_grad'] = dict(max_norm=1.0)\n"
            "val_dataloader = val_cfg = val_evaluator = None\n"
            "default_hooks['checkpoint'] = dict(save_best=None)\n"
            f"work_dir = {str(directory)!r}\n{text}",
            name=f"{name}.py",
        )
        return train(load_config(config, options)), directory

    yield run
    sys.modules.pop("spoil_some", None)
    TRANSFORMS.module_dict.pop("SpoilSome", None)


@pytest.mark.parametrize("steps_a_update", [1, 3])
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_a_later_look_trains_the_same(trained: Trained, kind: str, steps_a_update: int) -> None:
    """Weights, running statistics, momenta, averages, log values: bit for bit."""
    optimizer = "dict(type='AdamW', lr=0.01, fused=True)"
    text = (
        (f"optim_wrapper['optimizer'] = {optimizer}\n" if kind == "AdamW" else "")
        + f"optim_wrapper['accumulative_counts'] = {steps_a_update}\n"
        "custom_hooks = [dict(type='EMAHook')]\non_nonfinite = 'skip'\n"
    )
    folders = [
        trained(name, bad=(3, 7), text=text, **{"train_cfg.look_later": later})[1]
        for name, later in (("at_once", False), ("later", True))
    ]
    assert differing(*(folder / f"epoch_{EPOCHS}.pth" for folder in folders)) == []
    files = [sorted(p.name for p in (folder / "nonfinite").iterdir()) for folder in folders]
    assert files[0] == files[1]
    assert len(files[0]) >= EPOCHS
    for name in files[0]:
        kept = [torch.load(folder / "nonfinite" / name, weights_only=True) for folder in folders]
        assert kept[0]["names"] == kept[1]["names"]
        assert {"train/video 3", "train/video 7"} & set(kept[0]["names"])
        assert kept[0]["step"] == kept[1]["step"] == int(name.split("_")[1].split(".")[0])
        for one in kept:
            assert one["batch"]["color"].isnan().any()
            assert one["nonfinite_gradients"]
    weights = read_checkpoint(folders[1] / f"epoch_{EPOCHS}.pth")["state_dict"]
    assert all(value.isfinite().all() for value in weights.values())


def test_a_later_look_stops_before_anything_is_saved(trained: Trained, tmp_path: Path) -> None:
    text = "save_every_n_steps = 1\n"
    with pytest.raises(NonfiniteError) as caught:
        trained("later", bad=(3,), text=text, **{"train_cfg.look_later": True})
    [path] = (tmp_path / "later/nonfinite").iterdir()
    kept = torch.load(path, weights_only=True)
    assert str(caught.value).startswith(f"step {kept['step']}: the loss is nan; clips: ")
    assert "train/video 3" in kept["names"]
    newest = max(int(p.stem.split("_")[1]) for p in (tmp_path / "later").glob("*.pth"))
    assert newest == kept["step"] - 1


def test_a_run_that_only_skips_ends(trained: Trained) -> None:
    options = {"train_cfg.look_later": True, "on_nonfinite": "skip"}
    with pytest.raises(NonfiniteError, match=rf"step {MOST_IN_A_ROW}: .* {MOST_IN_A_ROW} in a row"):
        trained("later", bad=tuple(range(VIDEOS)), **options)


def test_an_optimizer_that_can_not_skip(trained: Trained) -> None:
    options = {"train_cfg.look_later": True, "optim_wrapper.optimizer.fused": False}
    with pytest.raises(ConfigError, match=r"look_later=True needs .*optimizer\.fused=True"):
        trained("later", **options)


ON_HOST = (
    torch.Tensor.tolist,
    torch.Tensor.item,
    torch.Tensor.cpu,
    torch.Tensor.nonzero,
    torch.Tensor.__bool__,
    torch.Tensor.__float__,
    torch.Tensor.__int__,
    torch.Tensor.__index__,
)
WAITING = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select")


class _Calls(TorchFunctionMode):
    def __init__(self, waits: list[str]) -> None:
        self.waits = waits

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in ON_HOST:
            self.waits.append(f"{func.__name__} of {args[0].numel()}")
        return func(*args, **(kwargs or {}))


class _Operators(TorchDispatchMode):
    def __init__(self, waits: list[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in WAITING:
            self.waits.append(name)
        return func(*args, **(kwargs or {}))


@HOOKS.register_module(force=True)
class BeginWatch(Hook):
    """Notes what would make the host wait for the device, from a step's first hook on."""

    priority = "HIGHEST"
    waits: ClassVar[list[str]] = []

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        BeginWatch.waits = []
        self.modes = _Calls(self.waits), _Operators(self.waits)
        for mode in self.modes:
            mode.__enter__()


@HOOKS.register_module(force=True)
class EndWatch(Hook):
    """… to its last."""

    priority = "LOWEST"
    steps: ClassVar[list[list[str]]] = []

    def after_train_iter(self, runner: Any, batch_idx: int, *_: Any, **__: Any) -> None:
        [begun] = [hook for hook in runner.hooks if isinstance(hook, BeginWatch)]
        for mode in reversed(begun.modes):
            mode.__exit__(None, None, None)
        self.steps.append(BeginWatch.waits)


@pytest.mark.parametrize("on_nonfinite", ["stop", "skip"])
def test_no_step_waits_for_the_device_but_where_it_is_logged(
    trained: Trained, on_nonfinite: str
) -> None:
    """What brings numbers to the host is counted where they are on it already."""
    EndWatch.steps = []
    text = (
        "custom_hooks = [dict(type='BeginWatch'), dict(type='EndWatch')]\n"
        "default_hooks['logger'] = dict(interval=3)\n"
    )
    options = {"train_cfg.look_later": True, "on_nonfinite": on_nonfinite}
    runner, _ = trained("watched", text=text, **options)
    assert len(EndWatch.steps) == EPOCHS * VIDEOS // 2
    assert len(runner.message_hub.get_scalar("train/loss").data[0]) == len(EndWatch.steps)
    for step, waits in enumerate(EndWatch.steps[1:], start=2):
        # Of the step before, sent to the host meanwhile; not of an epoch's last nor of the first,
        # which makes the optimizer's state.
        looks_back = step > 2 and (step - 1) % (VIDEOS // 2)
        if step % 3:
            assert waits == (["tolist of 4"] if looks_back else []), step
    assert "cpu of" in " ".join(EndWatch.steps[2]), "the logged ones are seen to wait"


@HOOKS.register_module(force=True)
class ForbidWaiting(Hook):
    """Lets no step wait for the GPU that need not; the first makes the optimizer's state."""

    priority = "HIGHEST"

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        quiet = runner.iter > 0 and (batch_idx + 1) % 3
        torch.cuda.set_sync_debug_mode("error" if quiet else "default")


@pytest.mark.skipif(not GPU, reason="no GPU")
def test_no_step_waits_for_a_gpu(trained: Trained) -> None:
    text = (
        "custom_hooks = [dict(type='ForbidWaiting')]\n"
        "default_hooks['logger'] = dict(interval=3)\n"
        "train_dataloader['pin_memory'] = True\n"
    )
    try:
        trained("watched", text=text, **{"on_nonfinite": "skip"})
    finally:
        torch.cuda.set_sync_debug_mode("default")
