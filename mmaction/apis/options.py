"""Command-line options on top of a config."""

from __future__ import annotations

import argparse
import os

from mmengine.config import Config

from mmaction.apis.config import complete_config, drop_validation
from mmaction.engine.precision import use_mixed_precision
from mmaction.errors import CheckpointError, ConfigError, UserError
from mmaction.files import require_writable


def apply_train_options(cfg: Config, args: argparse.Namespace) -> Config:
    """Writes the options of ``tools/train_recognizer.py`` into ``cfg`` and completes it again."""
    _apply_run_options(cfg, args)
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
    for name, path in (
        ("resume_from", cfg.get("resume_from")),
        ("load_from", cfg.get("load_from")),
    ):
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


def apply_test_options(cfg: Config, args: argparse.Namespace) -> str | None:
    """Writes the options of ``tools/test_recognizer.py`` into ``cfg`` and checks the paths.

    Returns:
        Where explanations go, or None where none are wanted.
    """
    _apply_run_options(cfg, args)
    if args.out is not None:
        if not args.out.endswith((".pkl", ".pickle")):
            raise UserError(f"--out {args.out}: expected a name that ends in .pkl")
        _require_file_path(args.out, name="--out")
    if args.log is not None:
        _require_file_path(args.log, name="--log")
    if args.save_explanations is None:
        return None
    explanations = args.save_explanations or os.path.join(cfg.work_dir, "explanations")
    require_writable(explanations, name="-s")
    return explanations


def _require_file_path(path: str, *, name: str) -> None:
    if os.path.isdir(path):
        raise ConfigError(f"{name} {path}: is a directory, expected a file name")
    require_writable(os.path.dirname(path) or ".", name=name)


def _apply_run_options(cfg: Config, args: argparse.Namespace) -> None:
    cfg.launcher = args.launcher
    if args.work_dir:
        cfg.work_dir = args.work_dir
