"""A config that names mmengine's types gets this project's, whichever way it names them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mmengine.hooks
import mmengine.optim
import mmengine.runner
import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmaction import engine
from mmaction.apis import load_config
from mmaction.engine import ActionRunner
from mmaction.engine.runner import REPLACED, use_own_types
from mmaction.environment import tolerate_broken_torchvision
from mmaction.registry import HOOKS, LOOPS, OPTIM_WRAPPERS

# What names it in a config, mmengine's class, this project's.
NINE = [
    ("train_cfg", mmengine.runner.EpochBasedTrainLoop, engine.ResumableTrainLoop),
    ("train_cfg", mmengine.runner.IterBasedTrainLoop, engine.ResumableIterTrainLoop),
    ("val_cfg", mmengine.runner.ValLoop, engine.RecognizerValLoop),
    ("test_cfg", mmengine.runner.TestLoop, engine.RecognizerTestLoop),
    ("default_hooks", mmengine.hooks.CheckpointHook, engine.TrainingCheckpointHook),
    ("default_hooks", mmengine.hooks.RuntimeInfoHook, engine.TrainingInfoHook),
    ("custom_hooks", mmengine.hooks.EMAHook, engine.ShardedEMAHook),
    ("optim_wrapper", mmengine.optim.OptimWrapper, engine.TrainingOptimWrapper),
    ("optim_wrapper", mmengine.optim.AmpOptimWrapper, engine.TrainingAmpOptimWrapper),
]


def config(section: str, kind: Any) -> tuple[Config, Callable[[Config], dict]]:
    """A config that names ``kind`` in ``section``, and the way to where it does."""
    if section == "custom_hooks":
        return Config({section: [dict(type=kind)]}), lambda cfg: cfg[section][0]
    if section == "default_hooks":
        return Config({section: dict(one=dict(type=kind))}), lambda cfg: cfg[section].one
    return Config({section: dict(type=kind)}), lambda cfg: cfg[section]


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What goes to the log."""
    logger, lines = MMLogger.get_current_instance(), list[str]()
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


@pytest.mark.parametrize(("section", "theirs", "own"), NINE, ids=str)
def test_each_of_the_nine(section: str, theirs: type, own: type, logged: list[str]) -> None:
    registered = {**LOOPS.module_dict, **HOOKS.module_dict, **OPTIM_WRAPPERS.module_dict}
    assert registered[own.__name__] is own, "registered under its own name"
    assert theirs.__name__ not in registered
    for kind in (theirs.__name__, f"mmengine.{theirs.__name__}", theirs):
        cfg, named = config(section, kind)
        use_own_types(cfg)
        assert named(cfg)["type"] == own.__name__
        use_own_types(cfg)
    [line] = set(logged)
    assert line.endswith(f": {own.__name__} in the place of mmengine's {theirs.__name__}")
    assert len(logged) == 3, "one line for each config"


def test_the_table_is_complete_and_documented() -> None:
    assert {theirs.__name__: own.__name__ for _, theirs, own in NINE} == REPLACED
    text = (Path(__file__).parents[2] / "docs/architecture.md").read_text()
    for theirs, own in REPLACED.items():
        assert f"| `{theirs}` | `{own}` |" in text


def parts(runner: ActionRunner) -> Iterator[object]:
    yield from (runner.build_train_loop(runner.cfg.train_cfg), *runner.hooks)
    yield runner.build_val_loop(runner.cfg.val_cfg)
    yield runner.build_test_loop(runner.cfg.test_cfg)
    yield runner.build_optim_wrapper(runner.cfg.optim_wrapper)


@pytest.mark.parametrize("named", [True, False])
def test_nothing_of_mmengines_runs(
    named: bool, make_config: Callable[..., Path], tiny_data: Path
) -> None:
    """Whether the config names mmengine's, or leaves to the runner what it is to be."""
    text = (
        "train_cfg['type'] = 'EpochBasedTrainLoop'\nval_cfg = dict(type='ValLoop')\n"
        "test_cfg = dict(type='TestLoop')\noptim_wrapper['type'] = 'OptimWrapper'\n"
        "default_hooks = dict(checkpoint=dict(type='CheckpointHook'), "
        "runtime_info=dict(type='RuntimeInfoHook'))\n"
        if named
        else "train_cfg = dict(by_epoch=True, max_epochs=1)\ndel optim_wrapper['type']\n"
        "default_hooks = dict(_delete_=True)\n"
    )
    tolerate_broken_torchvision()
    runner = ActionRunner.from_cfg(load_config(make_config(tiny_data, text)))
    kinds = {type(part) for part in parts(runner)}
    left_out = {engine.ResumableIterTrainLoop, engine.ShardedEMAHook}
    left_out.add(engine.TrainingAmpOptimWrapper)
    assert {own for _, _, own in NINE} - left_out <= kinds
    assert kinds.isdisjoint(theirs for _, theirs, _ in NINE)
