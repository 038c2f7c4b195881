"""Config files: reading them, the project's short keys, and what has to agree across sections."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmaction.errors import ConfigError, first_line
from mmaction.files import require_writable
from mmaction.registry import SCOPE

SPLITS = ("train", "val", "test")
# Sections of mmengine's Runner and the short keys; any other name is the config's own variable.
SECTIONS = (
    *(f"{split}_{part}" for split in SPLITS for part in ("dataloader", "cfg")),
    "model",
    "val_evaluator",
    "test_evaluator",
    "optim_wrapper",
    "param_scheduler",
    "default_hooks",
    "custom_hooks",
    "auto_scale_lr",
    "env_cfg",
    "log_processor",
    "visualizer",
    "randomness",
    "work_dir",
    "load_from",
    "resume",
    "resume_from",
    "evaluation",
)
CLOSE = 0.85


def load_config(path: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Config:
    """Reads a config file, merges ``--cfg-options`` into it and fills in what follows from it.

    Args:
        path: A Python config file. It is run: use only files that you trust.
        options: Dotted keys and their values.

    Raises:
        ConfigError: The file is missing or fails, or its sections don't agree.
    """
    if not Path(path).is_file():
        raise ConfigError(f"config {path}: no such file")
    try:
        cfg = Config.fromfile(path)
    except (
        SyntaxError,
        NameError,
        LookupError,
        TypeError,
        AttributeError,
        ImportError,
        ValueError,
        OSError,
    ) as e:
        raise ConfigError(f"config {path}: {type(e).__name__}: {first_line(e)}") from e
    if options:
        try:
            cfg.merge_from_dict(dict(options))
        except (KeyError, TypeError, IndexError) as e:
            raise ConfigError(f"--cfg-options {dict(options)}: {first_line(e)}") from e
    return complete_config(cfg, name=str(path))


def complete_config(cfg: Config, *, name: str = "config") -> Config:
    """Applies the short keys (``evaluation``, ``resume_from``) and what is said once (K and T).

    Args:
        cfg: Changed in place.
        name: Of the config, for messages and for the default ``work_dir``.
    """
    _check_sections(cfg, name)
    cfg.default_scope = SCOPE
    if cfg.get("work_dir") is None:
        cfg.work_dir = os.path.join("work_dirs", Path(name).stem)
    if cfg.get("train_cfg") and cfg.get("evaluation"):
        cfg.train_cfg.val_interval = cfg.evaluation.get("interval", 1)
    if cfg.get("resume_from"):
        cfg.resume = True
        cfg.load_from = None if cfg.resume_from == "auto" else cfg.resume_from
    for split, dataset in datasets(cfg):
        dataset.setdefault("num_classes", cfg.model.num_classes)
        _check_clip_len(cfg.model.clip_len, dataset, name=f"{name}: {split}_dataloader")
    return cfg


def datasets(cfg: Config) -> Iterator[tuple[str, Any]]:
    """The data set configs that ``cfg`` has, by split."""
    for split in SPLITS:
        loader = cfg.get(f"{split}_dataloader")
        if loader:
            yield split, loader.dataset


def drop_validation(cfg: Config) -> None:
    """Takes the validation out of a run."""
    for key in ("val_dataloader", "val_cfg", "val_evaluator"):
        cfg[key] = None


def require_work_dir(cfg: Config) -> None:
    """Makes ``work_dir`` and checks that it can be written to.

    Raises:
        ConfigError: It can't.
    """
    require_writable(cfg.work_dir, name="work_dir")


def _check_sections(cfg: Config, name: str) -> None:
    for key in cfg:
        near = difflib.get_close_matches(key, SECTIONS, n=1, cutoff=CLOSE)
        if key not in SECTIONS and near and near[0] not in cfg:
            raise ConfigError(f"{name}: unknown section {key!r}; did you mean {near[0]!r}?")
    model = cfg.get("model")
    if not isinstance(model, Mapping) or "type" not in model:
        raise ConfigError(f"{name}: 'model' is missing or has no 'type'")
    for key in ("num_classes", "clip_len"):
        if key not in model:
            raise ConfigError(f"{name}: model.{key} is missing")


def _check_clip_len(clip_len: int, dataset: Mapping[str, Any], *, name: str) -> None:
    for step in dataset.get("pipeline", ()):
        if step.get("clip_len", clip_len) != clip_len:
            raise ConfigError(
                f"{name}: {step['type']} samples clip_len={step['clip_len']} frames, "
                f"model.clip_len is {clip_len}: make them equal"
            )
