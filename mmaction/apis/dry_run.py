"""What a config would train, told without training: no run is begun and no network allocated."""

from __future__ import annotations

import copy

import torch
from mmengine.config import Config

from mmaction.apis.memory import step_memory, warning_if_too_large
from mmaction.apis.train import check_start
from mmaction.datasets.splits import dataset_configs
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import DATASETS, MODELS


def dry_run(cfg: Config, *, processes: int = 1) -> str:
    """Checks the data and says what ``cfg`` would train.

    Args:
        cfg: From ``load_config``.
        processes: How many would train.

    Returns:
        The config as resolved; then data, parameters, batch, schedule and memory of a step.

    Raises:
        UserError: What a training would end with before its first step.
    """
    check_start(cfg)
    with readable_build_errors():
        counts = {split: len(DATASETS.build(dataset)) for split, dataset in dataset_configs(cfg)}
        with torch.device("meta"):
            model = MODELS.build(copy.deepcopy(cfg.model))
        parameters = sum(p.numel() for p in model.parameters())
        lines = [f"{split} data: {count} videos" for split, count in counts.items()]
        lines += [f"parameters: {parameters:,}", *_schedule(cfg, counts["train"], processes)]
        memory = step_memory(cfg)
        lines.append(str(memory))
        if warning := warning_if_too_large(memory, processes=processes):
            lines.append(warning)
    return "\n".join([cfg.pretty_text, "What will be trained", *lines])


def _schedule(cfg: Config, videos: int, processes: int) -> list[str]:
    batch = cfg.train_dataloader.batch_size
    together = batch * processes
    lr = cfg.optim_wrapper.optimizer.get("lr")
    length = {k: v for k, v in cfg.train_cfg.items() if k in ("max_epochs", "max_iters")}
    return [
        f"batch: {together} clips a step ({processes} process(es) × {batch}),"
        f" {-(-videos // together)} steps an epoch",
        f"length: {', '.join(f'{k}={v}' for k, v in length.items())};"
        f" validation: {f'every {cfg.train_cfg.val_interval}' if _validates(cfg) else 'none'}",
        f"optimizer: {cfg.optim_wrapper.optimizer.type}, lr {lr:g}",
        *(f"schedule: {dict(scheduler)}" for scheduler in cfg.get("param_scheduler") or ()),
    ]


def _validates(cfg: Config) -> bool:
    return bool(cfg.get("val_dataloader") and "val_interval" in cfg.train_cfg)
