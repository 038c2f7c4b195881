"""mmengine's Runner with the care that CPUs, process groups and foreign checkpoints need."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmaction.checkpoint_files import read_checkpoint
from mmaction.engine.checkpoints import (
    SHOWN_DIFFERENCES,
    fitting_weights,
    require_same_architecture,
    require_training_state,
)
from mmaction.engine.console import keep_console_readable
from mmaction.engine.distributed import join_processes
from mmaction.engine.memory import keep_freed_memory


class ActionRunner(Runner):
    """mmengine's ``Runner``; its docs hold, but for what the methods here say."""

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        """Joins the process group first, by gloo where there is no GPU, and keeps freed memory."""
        keep_freed_memory()
        join_processes(self.launcher)
        super().setup_env(env_cfg)

    def build_logger(
        self, log_level: int | str = "INFO", log_file: str | None = None, **kwargs: Any
    ) -> MMLogger:
        """Keeps reports of many lines off the console; the log file gets them."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        keep_console_readable(logger)
        logger.info(f"environment, config and everything else go to {logger.log_file}")
        return logger

    def register_default_hooks(self, hooks: dict[str, Hook | dict[str, Any]] | None = None) -> None:
        """Adds what every run of this project needs, wherever the config comes from."""
        always = dict(
            # Batch norm's running statistics: averaged over the processes before they are used.
            sync_buffers=dict(type="SyncBuffersHook"),
            plain_checkpoint=dict(type="PlainCheckpointHook"),
            bad_videos=dict(type="BadVideoHook"),
            data_wait=dict(type="DataWaitHook"),
        )
        super().register_default_hooks({**always, **(hooks or {})})

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        """Wraps in DDP without device ids where there is no GPU."""
        # 1×1×1 kernels fit both memory layouts, and their gradients come in either: no harm done.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        with warnings.catch_warnings():
            # torch 2.13 renames the argument, and keeps the old name for what is meant here.
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            if not self.distributed or torch.cuda.is_available() or model_wrapper_cfg is not None:
                return super().wrap_model(model_wrapper_cfg, model)
            # As mmengine does on GPUs: SyncBuffersHook brings the norms' buffers in step.
            return MMDistributedDataParallel(model.to(get_device()), broadcast_buffers=False)

    def scale_lr(self, optim_wrapper: Any, auto_scale_lr: dict[str, Any] | None = None) -> None:
        """Scales also the peak of one-cycle schedules, which take no heed of the optimizer's lr."""
        super().scale_lr(optim_wrapper, auto_scale_lr)
        if not (auto_scale_lr or {}).get("enable") or not isinstance(self.param_schedulers, list):
            return
        batch = self.train_dataloader.batch_size * self.world_size
        for scheduler in self.param_schedulers:
            if isinstance(scheduler, dict) and "eta_max" in scheduler:
                scheduler["eta_max"] *= batch / auto_scale_lr["base_batch_size"]  # type: ignore[index]

    def load_checkpoint(
        self,
        filename: str,
        map_location: str | Callable = "cpu",
        strict: bool = False,
        revise_keys: list | None = None,
    ) -> dict[str, Any]:
        """Reads ``filename`` with the weights-only unpickler and loads what it holds.

        A test or a resumed run (``strict``, or ``resume`` in the config) needs the same
        architecture; ``load_from`` takes what fits and logs what does not.

        Raises:
            CheckpointError: See ``read_checkpoint`` and ``require_same_architecture``.
        """
        checkpoint = read_checkpoint(filename)
        if self._resume:
            require_training_state(checkpoint, filename)
        self.call_hook("after_load_checkpoint", checkpoint=checkpoint)
        model = self.model.module if is_model_wrapper(self.model) else self.model
        weights = checkpoint["state_dict"]
        if strict or self._resume or self._train_dataloader is None:
            require_same_architecture(model, weights, filename)
        else:
            weights, differing = fitting_weights(model, weights, filename)
            if differing:
                self.logger.warning(
                    f"{filename}: {len(differing)} weights differ and keep their start values, "
                    f"such as: {'; '.join(differing[:SHOWN_DIFFERENCES])}"
                )
        model.load_state_dict(weights, strict=False)
        self._has_loaded = True
        self.logger.info(f"Loaded checkpoint {os.path.abspath(filename)}")
        return checkpoint
