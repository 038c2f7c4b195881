"""Training from a config, and the command's options on top of it."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process

from mmaction.apis.config import check_clip_len, complete_config, drop_validation
from mmaction.apis.memory import step_memory, warning_if_too_large
from mmaction.apis.recognizer import check_weights
from mmaction.apis.run_record import FILE, in_lines, run_record
from mmaction.datasets import (
    ClipDataset,
    check_columns,
    check_labelled,
    check_overlap,
    check_present,
)
from mmaction.datasets.splits import annotation_files, dataset_configs
from mmaction.engine import ActionRunner
from mmaction.engine.optimizers import use_mixed_precision
from mmaction.environment import tolerate_broken_torchvision
from mmaction.errors import CheckpointError, ConfigError
from mmaction.files import atomic_path, require_writable
from mmaction.models import ResNet3D
from mmaction.models.backbones.libraries import LibraryBackbone
from mmaction.models.backbones.pretrained import pretrained_state
from mmaction.readable_errors import (
    readable_build_errors,
    readable_loader_errors,
    require_known_functions,
)
from mmaction.registry import DATASETS, MODELS


def apply_train_options(cfg: Config, args: argparse.Namespace) -> Config:
    """Writes the options of ``tools/train_recognizer.py`` into ``cfg`` and completes it again."""
    cfg.launcher, cfg.work_dir = args.launcher, args.work_dir or cfg.work_dir
    if not cfg.get("train_dataloader"):
        raise ConfigError(f"{args.config}: no train_dataloader to train on")
    if args.seed is not None:
        cfg.randomness = {**cfg.get("randomness", {}), "seed": args.seed}
    if args.resume_from:
        cfg.resume_from = args.resume_from
    if args.load_from:
        cfg.load_from, cfg.resume, cfg.resume_from = args.load_from, False, None
    if cfg.get("resume") and cfg.get("load_from") and not cfg.get("resume_from"):
        cfg.resume_from = cfg.load_from  # as mmengine's own two keys say it
    for name in ("resume_from", "load_from"):
        path = cfg.get(name)
        if path and path != "auto" and not os.path.isfile(path):
            raise CheckpointError(f"{name} {path}: no such file")
    if args.validate is False:
        drop_validation(cfg)
    elif args.validate and not cfg.get("val_dataloader"):
        raise ConfigError(f"--validate: {args.config} has no val_dataloader")
    if args.amp or args.amp_dtype:
        use_mixed_precision(cfg, args.amp_dtype)
    if args.auto_scale_lr:
        cfg.auto_scale_lr = {**cfg.get("auto_scale_lr", {}), "enable": True}
    return complete_config(cfg, name=args.config)


def train(cfg: Config) -> ActionRunner:
    """Checks the config's data, then trains and, where there is a validation set, validates.

    Args:
        cfg: From ``load_config``.

    Returns:
        The runner, at its end.

    Raises:
        UserError: Before the first step, for what a wrong config or bad data would break; later
            where a checkpoint can't be written, or a loss is not finite.
        TrainingStopped: A signal asked for the end; the training is saved.
    """
    check_start(cfg)
    with readable_build_errors(), readable_loader_errors():
        require_writable(cfg.work_dir, name="work_dir")
        runner = ActionRunner.from_cfg(cfg)
        log_batch_size(runner)
        log_run_record(runner)
        log_memory(runner)
        runner.train()
    return runner


def check_start(cfg: Config) -> None:
    """Looks at what a training begins with, weights and lists, before anything is made.

    Raises:
        UserError: See ``check_weights``, ``check_backbone`` and ``check_data``.
    """
    tolerate_broken_torchvision()
    if cfg.get("load_from"):
        check_weights(cfg, cfg.load_from, strict=bool(cfg.get("resume")))
    begins = not cfg.get("load_from") and not cfg.get("resume")
    with readable_build_errors():
        require_known_functions(cfg)
        check_backbone(cfg.model.get("backbone") or {}, begins=begins)
        check_data(cfg)


def check_backbone(backbone: Mapping[str, Any], *, begins: bool) -> None:
    """Builds a backbone of another library, and reads the weights that it starts from.

    Args:
        backbone: The config's.
        begins: Whether the training starts from the backbone's pretrained weights.

    Raises:
        ConfigError: The library isn't there, or has no such network.
        CheckpointError: The weights can't be had.
    """
    kind, pretrained = backbone.get("type"), backbone.get("pretrained")
    kind = MODELS.get(kind) if isinstance(kind, str) else kind
    if begins and kind is ResNet3D and pretrained is not None:
        pretrained_state(pretrained)
    elif isinstance(kind, type) and issubclass(kind, LibraryBackbone):
        built = MODELS.build(backbone)
        if begins:
            built.init_weights()


def check_data(cfg: Config) -> None:
    """Looks at the lists of every split before a step is taken.

    Raises:
        DataError: A label that the model has no class for, missing directories, videos that are in
            both training and validation.
    """
    check_clip_len(cfg, ("train", "val"))
    lists = {}
    for split, dataset_cfg in dataset_configs(cfg):
        if split == "test":
            continue
        dataset = DATASETS.build(dataset_cfg)
        if isinstance(dataset, ClipDataset):
            check_labelled(dataset.annotations, split=split)
            check_present(dataset.annotations, dataset.sources)
            check_columns(dataset.annotations, dataset.sources)
            lists[split] = dataset
    if len(lists) == 2 and lists["train"].data_root == lists["val"].data_root:
        check_overlap(lists["train"].annotations, lists["val"].annotations)


def log_run_record(runner: ActionRunner) -> None:
    """Writes all that is needed to repeat the run into its log, and as JSON beside it."""
    if not is_main_process():
        return
    annotations = {
        split: [file for file in annotation_files(dataset) if Path(file).is_file()]
        for split, dataset in dataset_configs(runner.cfg)
        if split != "test"
    }
    record = run_record(
        annotations,
        seed=runner.seed,
        processes=get_world_size(),
        config=runner.config_text,
    )
    runner.logger.info(in_lines(record))
    with atomic_path(Path(runner.log_dir) / FILE) as path:
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def log_memory(runner: ActionRunner) -> None:
    """Says what a step needs, and warns where that is more than there is."""
    if not is_main_process():
        return
    try:
        memory = step_memory(runner.cfg)
    except (RuntimeError, NotImplementedError):
        return  # a network of other libraries, which can't be built without its weights
    runner.logger.info(str(memory))
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if warning := warning_if_too_large(memory, processes=processes):
        runner.logger.warning(warning)


def log_batch_size(runner: ActionRunner) -> None:
    """Says what a step's batch is and what linear scaling would make of the learning rate.

    Rates in the configs are for ``auto_scale_lr.base_batch_size`` clips a step (Goyal et al.,
    arXiv:1706.02677); ``--auto-scale-lr`` applies it.
    """
    batch, processes = runner.cfg.train_dataloader.batch_size, get_world_size()
    told = f"{batch * processes} clips a step ({processes} process(es) × {batch})"
    scaling = runner.auto_scale_lr or {}
    base, applied = scaling.get("base_batch_size"), scaling.get("enable", False)
    lr = runner.cfg.optim_wrapper.get("optimizer", {}).get("lr")
    if applied and (not base or lr is None):
        missing = "optim_wrapper.optimizer.lr" if base else "auto_scale_lr.base_batch_size"
        raise ConfigError(f"auto_scale_lr.enable: {missing} is missing: what is to be scaled?")
    if base and lr is not None:
        scaled = lr * batch * processes / base
        told += (
            f"; lr {lr:g} is for {base}, linear scaling makes it {scaled:g}"
            f" ({'applied' if applied else 'not applied; --auto-scale-lr applies it'})"
        )
    runner.logger.info(told)
