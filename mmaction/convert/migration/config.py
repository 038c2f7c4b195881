"""A whole former config."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from mmaction.convert.migration.data import convert_data
from mmaction.convert.migration.former import Changed, Former
from mmaction.convert.migration.models import convert_model
from mmaction.convert.migration.schedule import convert_schedule
from mmaction.errors import ConfigError


def migrate(
    former: Mapping[str, Any], *, variables: Container[str] = (), name: str = "config"
) -> dict[str, Any]:
    """The config in this project's form, by its sections; ``Changed`` where something changed.

    Args:
        former: The former config's sections and variables.
        variables: Names that the former config uses itself, as ``img_norm_cfg``.
        name: Of the former config, for messages.

    Raises:
        ConfigError: It says what is not understood here; the message names all of it.
    """
    old = Former(former)
    if "data" not in old or "model" not in old:
        raise ConfigError(
            f"{name}: expected the sections model and data of MMAction 0.x, TPN or mmaction2 0.x"
            " (docs/from_mmaction.md says what differs from mmaction2 1.x)"
        )
    loaders, clip_len, preprocessor = convert_data(old.section("data"))
    how = dict(train_cfg=old.section("train_cfg"), test_cfg=old.section("test_cfg"))
    model = convert_model(old.section("model"), clip_len=clip_len, **how)
    if preprocessor:
        model["data_preprocessor"] = preprocessor
    new: dict[str, Any] = dict(model=model, **loaders)
    for split in ("val", "test"):
        if f"{split}_dataloader" in new:
            new[f"{split}_evaluator"] = dict(type="AccuracyMetric")
    new |= convert_schedule(old) | _runtime(old)
    if "type" in model.get("loss_cls", {}):
        best = Changed("perception/mAP", "there is no top-1 of several labels a video")
        new["default_hooks"]["checkpoint"]["save_best"] = best
    for key in ("val", "test"):
        if f"{key}_dataloader" not in new:
            del new[f"{key}_cfg"]
    old.drop("opencv_num_threads", "mp_start_method", "gpu_ids")
    old.drop("ann_file_test")  # a variable that many of mmaction2's configs never use
    refused = old.not_understood(variables)
    if refused:
        raise ConfigError(f"{name}: not understood: {'; '.join(refused)}")
    return new


def _runtime(old: Former) -> dict[str, Any]:
    """What stays as it is, or only moves."""
    env: dict[str, Any] = {}
    dist = old.section("dist_params")
    if "backend" in dist:
        env["dist_cfg"] = Changed(dict(backend=dist.take("backend")), "dist_params")
    if old.take("cudnn_benchmark", False):
        env["cudnn_benchmark"] = Changed(True, "cudnn_benchmark")
    new: dict[str, Any] = dict(env_cfg=env) if env else {}
    if old.take("syncbn", False):
        new["sync_bn"] = Changed("torch", "syncbn")
    for key in ("log_level", "work_dir", "load_from", "resume_from", "find_unused_parameters"):
        value = old.take(key)
        if value is not None:
            new[key] = value
    return new
