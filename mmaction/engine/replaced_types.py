"""Which of mmengine's types this project has its own of, and a config's way to them."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

# By mmengine's name. Its own would run too, and lose exact resume or the fast way.
REPLACED = {
    "EpochBasedTrainLoop": "ResumableTrainLoop",
    "IterBasedTrainLoop": "ResumableIterTrainLoop",
    "ValLoop": "RecognizerValLoop",
    "TestLoop": "RecognizerTestLoop",
    "CheckpointHook": "TrainingCheckpointHook",
    "RuntimeInfoHook": "TrainingInfoHook",
    "EMAHook": "ShardedEMAHook",
    "OptimWrapper": "TrainingOptimWrapper",
    "AmpOptimWrapper": "TrainingAmpOptimWrapper",
}

# mmengine takes its own where none is named.
_LOOPS_OF_SCORES = {"val_cfg": "RecognizerValLoop", "test_cfg": "RecognizerTestLoop"}


def use_own_types(cfg: Config) -> None:
    """Puts this project's types where ``cfg`` names mmengine's, and logs a line for each.

    Args:
        cfg: Changed in place: loops, hooks and optimizer wrappers.
    """
    for key, kind in _LOOPS_OF_SCORES.items():
        if isinstance(cfg.get(key), dict):
            cfg[key].setdefault("type", kind)
    for key, section in _sections(cfg):
        name = _name(section.get("type"))
        if name in REPLACED:
            section["type"] = REPLACED[name]
            if os.environ.get("RANK", "0") == "0":
                message = f"{key}: {REPLACED[name]} in the place of mmengine's {name}"
                print_log(message, logger="current", level=logging.INFO)


def _name(kind: Any) -> str | None:
    """mmengine's name of a type that a config gives as a string or as the class itself."""
    if isinstance(kind, str):
        return kind.removeprefix("mmengine.")
    own = inspect.isclass(kind) and kind.__module__.startswith("mmengine.")
    return kind.__name__ if own else None


def _sections(cfg: Config) -> Iterator[tuple[str, Any]]:
    """The dicts of ``cfg`` that may have a replaced type, with their keys."""
    found = [(key, cfg.get(key)) for key in ("train_cfg", "val_cfg", "test_cfg", "optim_wrapper")]
    found += [(f"default_hooks.{k}", v) for k, v in (cfg.get("default_hooks") or {}).items()]
    found += [(f"custom_hooks.{i}", v) for i, v in enumerate(cfg.get("custom_hooks") or ())]
    wrappers = cfg.get("optim_wrapper")
    if isinstance(wrappers, dict):  # one for each part of the network, by its name
        found += [(f"optim_wrapper.{k}", v) for k, v in wrappers.items() if k != "optimizer"]
    return ((key, section) for key, section in found if isinstance(section, dict))
