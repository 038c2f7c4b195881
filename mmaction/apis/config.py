"""Config files: reading them, the project's short keys, and what has to agree across sections."""

from __future__ import annotations

import copy
import difflib
import inspect
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from mmaction.checkpoint.settings import flat_settings
from mmaction.datasets.splits import class_names_of, dataset_configs
from mmaction.engine.optimizers import follow_run
from mmaction.engine.runner import use_own_types
from mmaction.errors import ConfigError, first_line, near
from mmaction.evaluation import with_accuracies
from mmaction.files import home
from mmaction.registry import SCOPE, TRANSFORMS

# Sections that mmengine's runner takes, others that runs read, and the short keys; any other name
# is the config's own variable.
SECTIONS = (
    *(set(inspect.signature(Runner).parameters) - {"cfg", "data_preprocessor"}),
    "model_wrapper_cfg",
    "find_unused_parameters",
    "sync_bn",
    "activation_checkpointing",
    "compile",
    "custom_imports",
    "load_partly",
    "evaluation",
    "resume_from",
    "save_every_n_steps",
    "on_nonfinite",
)
# Sections of MMAction 0.x, TPN and mmaction2 0.x, and where what they say stands now.
FORMER_SECTIONS = {
    "data": "train_dataloader, val_dataloader and test_dataloader: batch_size for videos_per_gpu,"
    " num_workers for workers_per_gpu, dataset for train, val and test",
    "optimizer": "optim_wrapper.optimizer",
    "optimizer_config": "optim_wrapper.clip_grad",
    "lr_config": "param_scheduler",
    "total_epochs": "train_cfg.max_epochs",
    "checkpoint_config": "default_hooks.checkpoint",
    "log_config": "default_hooks.logger and visualizer",
    "workflow": "nothing: validation goes by evaluation.interval",
    "dist_params": "env_cfg.dist_cfg",
    "cudnn_benchmark": "env_cfg.cudnn_benchmark",
    "fp16": "--amp",
    "syncbn": "sync_bn",
}
EPOCH_LOOP, STEP_LOOP = "ResumableTrainLoop", "ResumableIterTrainLoop"
CLOSE = 0.8


def load_config(path: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Config:
    """Reads a config file, merges ``--cfg-options`` into it and fills in what follows from it.

    Args:
        path: A Python config file, or the name of one of this project's, such as
            ``motion_shapes/st_abn_tiny``. It is run: use only files that you trust.
        options: Dotted keys and their values.

    Raises:
        ConfigError: The file is missing or fails, or its sections don't agree.
    """
    path = _find(Path(path))
    try:
        cfg = Config.fromfile(path)
    except Exception as e:  # a config is code: it can fail in any way
        raise ConfigError(f"config {path}: {type(e).__name__}: {first_line(e)}") from e
    if options:
        _check_options(options, cfg)
        try:
            cfg.merge_from_dict(dict(options))
        except (KeyError, TypeError, IndexError) as e:
            raise ConfigError(f"--cfg-options {dict(options)}: {first_line(e)}") from e
    return complete_config(cfg, name=str(path))


def _find(path: Path) -> Path:
    """A config's file, also by its name among those of this project."""
    own = home() / "config_files"
    for found in (path, (own / path).with_suffix(".py")):
        if found.is_file():
            return found
    names = [p.relative_to(own).with_suffix("").as_posix() for p in own.glob("[!_]*/*.py")]
    close = difflib.get_close_matches(str(path.with_suffix("")), names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ConfigError(f"config {path}: no such file{hint}")


def complete_config(cfg: Config, *, name: str = "config") -> Config:
    """Applies the short keys and what is said once (K and T).

    Short keys: ``evaluation``, ``resume_from``, ``save_every_n_steps``, ``on_nonfinite``.

    Args:
        cfg: Changed in place.
        name: Of the config, for messages and for the default ``work_dir``.
    """
    _check_sections(cfg, name)
    if cfg.get("val_dataloader") and "test_dataloader" not in cfg:
        cfg.test_dataloader = copy.deepcopy(cfg.val_dataloader)
        cfg.test_evaluator = copy.deepcopy(cfg.get("val_evaluator") or dict(type="AccuracyMetric"))
        cfg.test_cfg = cfg.get("test_cfg") or dict()
    if "num_classes" not in cfg.model:
        cfg.model.num_classes = _count_classes(cfg, name)
    use_own_types(cfg)
    cfg.default_scope = SCOPE
    if cfg.get("work_dir") is None:
        # With the config's directory: sthv1/st_abn_32 and sthv2/st_abn_32 are two runs.
        cfg.work_dir = os.path.join("work_dirs", Path(name).parent.name, Path(name).stem)
    if cfg.get("train_cfg"):
        _complete_train_cfg(cfg, name)
        # The runner fills in what a schedule leaves out; a wrong one is refused before it is built.
        length = dict(epochs=cfg.train_cfg.get("max_epochs"), steps=cfg.train_cfg.get("max_iters"))
        follow_run(copy.deepcopy(cfg.get("param_scheduler")), **length)
    _apply_safety_keys(cfg, name)
    for key in ("val_evaluator", "test_evaluator"):
        if cfg.get(key):
            cfg[key] = with_accuracies(cfg[key])
    if cfg.get("resume_from"):
        cfg.resume = True
        cfg.load_from = None if cfg.resume_from == "auto" else cfg.resume_from
    for split, dataset in dataset_configs(cfg):
        if not isinstance(dataset, dict):
            raise ConfigError(f"{name}: {split}_dataloader.dataset is missing or no dict")
        dataset.setdefault("num_classes", cfg.model.num_classes)
        if split != "train" and dataset.get("on_error", "raise") != "raise":
            raise ConfigError(
                f"{name}: {split}_dataloader.dataset.on_error={dataset['on_error']!r}: only"
                " training may take another video in the place of a bad one; expected 'raise'"
            )
        _take_clip_len(cfg.model.clip_len, dataset)
    return cfg


def drop_validation(cfg: Config) -> None:
    """Takes the validation out of a run."""
    for key in ("val_dataloader", "val_cfg", "val_evaluator"):
        cfg[key] = None


def _check_sections(cfg: Config, name: str) -> None:
    former = [key for key in FORMER_SECTIONS if key in cfg]
    if former:
        told = "; ".join(f"{key!r} is now {FORMER_SECTIONS[key]}" for key in former)
        raise ConfigError(
            f"{name}: sections of an older code base: {told};"
            f" tools/convert/migrate_config.py {name} NEW.py translates them"
        )
    for key in cfg:
        close = difflib.get_close_matches(key, SECTIONS, n=1, cutoff=CLOSE)
        if key not in SECTIONS and close:
            raise ConfigError(f"{name}: unknown section {key!r}; did you mean {close[0]!r}?")
    model = cfg.get("model")
    if not isinstance(model, Mapping) or "type" not in model:
        raise ConfigError(f"{name}: 'model' is missing or has no 'type'")
    if "clip_len" not in model:
        raise ConfigError(f"{name}: model.clip_len is missing")


def _count_classes(cfg: Config, name: str) -> int:
    """How many classes the first data set names."""
    for _, dataset in dataset_configs(cfg):
        classes = class_names_of(dataset)
        if classes is not None:
            return len(classes)
    raise ConfigError(
        f"{name}: model.num_classes is missing, and no classes.txt beside the lists, which"
        " tools/data/build_annotations.py writes"
    )


def _check_options(options: Mapping[str, Any], cfg: Config) -> None:
    """Refuses options that nothing would read: a config's own variables are used up by now."""
    for key in options:
        section = key.partition(".")[0]
        if section in cfg and section not in SECTIONS:
            places = [k for k in flat_settings(cfg) if k.endswith(f".{key}")]
            raise ConfigError(
                f"--cfg-options {key}: the config has used up this variable of its own; set"
                f" {' or '.join(places) or 'the keys that it is for'} instead"
            )
        if section not in SECTIONS:
            raise ConfigError(
                f"--cfg-options {key}: no section {section!r} to set{near(section, SECTIONS)}"
            )


def _complete_train_cfg(cfg: Config, name: str) -> None:
    """Names the loop, and lets the log count as it does."""
    if "by_epoch" in cfg.train_cfg and "type" not in cfg.train_cfg:
        # mmengine's other way to name a loop, which passes by the registry.
        cfg.train_cfg.type = EPOCH_LOOP if cfg.train_cfg.pop("by_epoch") else STEP_LOOP
    if cfg.get("evaluation"):
        cfg.train_cfg.val_interval = _evaluation_interval(cfg.evaluation, name)
    if cfg.train_cfg.get("type") == STEP_LOOP:
        cfg.log_processor = dict(by_epoch=False) | dict(cfg.get("log_processor") or {})
        hooks = dict(cfg.get("default_hooks") or {})
        if hooks.get("logger", {}) is not None:
            given = dict(hooks.get("logger", {}))
            hooks["logger"] = dict(type="LoggerHook", log_metric_by_epoch=False) | given
            cfg.default_hooks = hooks


def _evaluation_interval(evaluation: Any, name: str) -> int:
    known = isinstance(evaluation, Mapping) and evaluation.keys() <= {"interval"}
    interval = evaluation.get("interval", 1) if known else None
    if not isinstance(interval, int) or interval < 1:
        raise ConfigError(
            f"{name}: evaluation={evaluation!r}: expected dict(interval=N), N a whole number of"
            f" epochs, or of steps with {STEP_LOOP}, 1 or more; --no-validate leaves validation out"
        )
    return interval


def _apply_safety_keys(cfg: Config, name: str) -> None:
    """Hands ``save_every_n_steps`` to the checkpoint hook and ``on_nonfinite`` to the loop."""
    every = cfg.get("save_every_n_steps")
    if every is not None:
        if not isinstance(every, int) or every < 1:
            raise ConfigError(
                f"{name}: save_every_n_steps={every!r}: expected a whole number of steps, 1 or more"
            )
        hooks = dict(cfg.get("default_hooks") or {})
        if hooks.get("checkpoint", {}) is None:
            raise ConfigError(f"{name}: save_every_n_steps needs default_hooks.checkpoint")
        given = dict(type="TrainingCheckpointHook", interval=1) | dict(hooks.get("checkpoint", {}))
        cfg.default_hooks = {**hooks, "checkpoint": {**given, "save_every_n_steps": every}}
    if cfg.get("on_nonfinite") is not None and cfg.get("train_cfg"):
        cfg.train_cfg.on_nonfinite = cfg.on_nonfinite


def _take_clip_len(clip_len: int, dataset: Mapping[str, Any]) -> None:
    """Has sampling steps that don't say how many frames take as many as the model wants."""
    for step in dataset.get("pipeline", ()):
        kind = TRANSFORMS.get(step["type"]) if isinstance(step.get("type"), str) else None
        if kind is not None and "clip_len" in inspect.signature(kind).parameters:
            step.setdefault("clip_len", clip_len)


def check_clip_len(cfg: Config, splits: Iterable[str]) -> None:
    """Compares the lengths of clips that these splits sample with the model's.

    Raises:
        ConfigError: They differ.
    """
    for split, dataset in dataset_configs(cfg):
        for step in dataset.get("pipeline", ()) if split in splits else ():
            if step.get("clip_len", cfg.model.clip_len) != cfg.model.clip_len:
                raise ConfigError(
                    f"{split}_dataloader: {step['type']} samples clip_len={step['clip_len']}"
                    f" frames, model.clip_len is {cfg.model.clip_len}: make them equal, or leave it"
                    " out there"
                )


def clip_shape(cfg: Config) -> tuple[int, int, int]:
    """T, H and W of the clips that the config's test (else another) pipeline ends in."""
    sizes = [
        step["size"]
        for _, dataset in dataset_configs(cfg)
        for step in dataset.get("pipeline", ())
        if step.get("size") is not None
    ]
    if not sizes:
        raise ConfigError("the config's pipelines name no size: give --shape T H W")
    height, width = (sizes[-1],) * 2 if isinstance(sizes[-1], int) else sizes[-1]
    return cfg.model.clip_len, height, width
