"""mmengine's Runner with the care that CPUs, process groups and foreign checkpoints need."""

from __future__ import annotations

import inspect
import logging
import os
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import MMLogger, print_log
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from mmaction.checkpoint.sharded_tensors import keep_parts_of_state
from mmaction.checkpoint.training_state import optim_wrappers
from mmaction.engine.checkpointed_runner import CheckpointedRunner
from mmaction.engine.distributed import join_processes, require_sync_bn_possible
from mmaction.engine.optimizers import follow_run, fuse_on_gpu
from mmaction.engine.parameter_groups import keep_multiples
from mmaction.engine.sharding import (
    FullyShardedModel,
    model_wrapper_type,
    require_sharding_possible,
)
from mmaction.engine.signals import ignore_group_signals
from mmaction.environment import keep_freed_memory
from mmaction.errors import CheckpointError, ConfigError
from mmaction.files import DirectoryLock
from mmaction.ops import HAS_EXTENSION

# No second copy of all gradients. SyncBuffersHook brings the norms' buffers in step.
_DDP = dict(broadcast_buffers=False, gradient_as_bucket_view=True)

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


class ActionRunner(CheckpointedRunner):
    """mmengine's ``Runner``; its docs hold, but for what the methods here say."""

    _lock: DirectoryLock | None = None

    @classmethod
    def from_cfg(cls, cfg: Config) -> ActionRunner:
        """With this project's loops, hooks and wrappers where ``cfg`` names mmengine's."""
        use_own_types(cfg)
        return super().from_cfg(cfg)

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        """Joins the process group first, by gloo where there is no GPU, and keeps freed memory."""
        keep_freed_memory()
        if self.distributed:
            join_processes(self.launcher, env_cfg.get("dist_cfg"))
        if self._train_dataloader is not None and is_main_process():
            self._lock = DirectoryLock(Path(self.work_dir), doing="trains", name="training.lock")
        super().setup_env(env_cfg)

    def dump_config(self) -> None:
        """A training's goes to ``work_dir``; that of a test to the test's own directory there."""
        if self._train_dataloader is not None:
            super().dump_config()
        elif is_main_process():
            self.cfg.dump(os.path.join(self.log_dir, Path(self.cfg.filename or "config.py").name))

    def build_logger(
        self, log_level: int | str = "INFO", log_file: str | None = None, **kwargs: Any
    ) -> MMLogger:
        """Keeps reports of many lines off the console; the log file gets them."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        keep_console_readable(logger)
        logger.info(f"environment, config and everything else go to {logger.log_file}")
        if not HAS_EXTENSION:
            logger.warning(
                "mmaction.ops is not compiled (no C compiler at the installation): torch prepares"
                " clips on CPUs instead, slower, with the same result"
            )
        if self.distributed:
            backend = torch.distributed.get_backend()
            logger.info(f"{get_world_size()} process(es) have joined, over {backend}")
        return logger

    def register_default_hooks(self, hooks: dict[str, Hook | dict[str, Any]] | None = None) -> None:
        """Adds what every run of this project needs, wherever the config comes from."""
        always = dict(
            runtime_info=dict(type="TrainingInfoHook"),
            checkpoint=dict(type="TrainingCheckpointHook", interval=1),
            # Batch norm's running statistics: averaged over the processes before they are used.
            sync_buffers=dict(type="SyncBuffersHook"),
            data_wait=dict(type="DataWaitHook"),
        )
        loader = self._train_dataloader if isinstance(self._train_dataloader, dict) else {}
        if loader.get("dataset", {}).get("on_error") == "resample":
            always["bad_videos"] = dict(type="BadVideoHook")
        super().register_default_hooks({**always, **(hooks or {})})

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        """Wraps in DDP, or as ``model_wrapper_cfg`` says, also where there is no GPU.

        Raises:
            ConfigError: ``sync_bn`` where it can't be, or a wrapper that can't be used.
        """
        if self._train_dataloader is not None:
            self._find_newest()
        sync_bn = self.cfg.get("sync_bn")
        if sync_bn is not None:
            require_sync_bn_possible(sync_bn, distributed=self.distributed)
        wrapper = dict(model_wrapper_cfg or {})
        kind = MMDistributedDataParallel
        if "type" in wrapper:
            kind = model_wrapper_type(wrapper["type"])
        wrapper["type"] = kind
        if kind is MMDistributedDataParallel:
            unused = bool(self.cfg.get("find_unused_parameters", False))
            wrapper = _DDP | dict(find_unused_parameters=unused) | wrapper
            if not torch.cuda.is_available():
                wrapper["device_ids"] = None
        elif kind is FullyShardedModel and not self.distributed:
            self.logger.info("FullyShardedModel: one process, which keeps all weights")
        elif kind is FullyShardedModel:
            require_sharding_possible(sync_bn)
            if self._train_dataloader is not None:
                self._init_model_weights()
        # 1×1×1 kernels fit both memory layouts, and their gradients come in either: no harm done.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        with warnings.catch_warnings():
            # torch 2.13 renames the argument, and keeps the old name for what is meant here.
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            return super().wrap_model(wrapper, model)

    def _maybe_compile(self, target: str) -> None:
        """The forward pass in the place of ``train_step``, which a training does not call."""
        super()._maybe_compile("forward" if target == "train_step" else target)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Schedules that don't say when they end do so with the run; all keep ``lr_mult``."""
        follow_run(scheduler, epochs=self.max_epochs, steps=self.max_iters)
        wrapper = self.optim_wrapper
        if isinstance(wrapper, OptimWrapper) and "lr_mult" in wrapper.param_groups[0]:
            keep_multiples(scheduler, wrapper.param_groups)
        return super().build_param_scheduler(scheduler)

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Fused on GPUs unless the config says otherwise, and made ready for sharded weights."""
        if isinstance(optim_wrapper, dict) and isinstance(optim_wrapper.get("optimizer"), dict):
            optim_wrapper.setdefault("type", "TrainingOptimWrapper")
            default = "DefaultOptimWrapperConstructor"
            plain = _name(optim_wrapper.get("constructor", default)) == default
            if plain and "paramwise_cfg" in optim_wrapper:
                optim_wrapper["constructor"] = "ParameterGroupConstructor"
            fuse_on_gpu(optim_wrapper["optimizer"], self.model.parameters())
        built = super().build_optim_wrapper(optim_wrapper)
        if isinstance(self.model, FullyShardedModel) and built is not optim_wrapper:
            for wrapper in optim_wrappers(built):
                wrapper.optimizer.register_load_state_dict_pre_hook(keep_parts_of_state)
        return built

    def scale_lr(self, optim_wrapper: Any, auto_scale_lr: dict[str, Any] | None = None) -> None:
        """Scales also the peak of one-cycle schedules, which take no heed of the optimizer's lr."""
        super().scale_lr(optim_wrapper, auto_scale_lr)
        if not (auto_scale_lr or {}).get("enable") or not isinstance(self.param_schedulers, list):
            return
        batch = self.train_dataloader.batch_size * self.world_size
        for scheduler in self.param_schedulers:
            if isinstance(scheduler, dict) and "eta_max" in scheduler:
                scheduler["eta_max"] *= batch / auto_scale_lr["base_batch_size"]  # type: ignore[index]

    @staticmethod
    def build_dataloader(
        dataloader: DataLoader | dict[str, Any],
        seed: int | None = None,
        diff_rank_seed: bool = False,
    ) -> DataLoader:
        """Its workers leave signals to the process that they work for; none are needed.

        Raises:
            ConfigError: No batch comes of it.
        """
        if isinstance(dataloader, dict) and dataloader.get("num_workers") == 0:
            of_workers = ("persistent_workers", "prefetch_factor")
            dataloader = {k: v for k, v in dataloader.items() if k not in of_workers}
        loader = Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        if loader.drop_last and not len(loader):
            raise ConfigError(
                f"batch_size={loader.batch_size} with drop_last leaves no batch of"
                f" {len(loader.dataset)} videos: lower it, or set drop_last=False"
            )
        loader.worker_init_fn = partial(ignore_group_signals, then=loader.worker_init_fn)
        return loader

    def train(self) -> nn.Module:
        """Trains; ends once the last checkpoint is whole."""
        try:
            return super().train()
        except BaseException:
            try:
                self.checkpoint_writer.wait()
            except CheckpointError as e:  # the error at hand is the one to be raised
                self.logger.error(str(e))
            raise
        finally:
            self.checkpoint_writer.wait()
            if self._lock is not None:
                self._lock.release()


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


# Said by mmengine about its own insides, or about layers that the networks here do not have.
_NOT_NEWS = (
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
    "Distributed training is not used, all SyncBatchNorm",
)


def fits_console(record: logging.LogRecord) -> bool:
    """Whether it is a single line, or a warning; reports of many lines belong in a file.

    Environment, config and the list of hooks would otherwise fill several screens before the first
    step.
    """
    message = record.getMessage()
    if message.startswith(_NOT_NEWS):
        return False
    return record.levelno >= logging.WARNING or "\n" not in message.strip()


def keep_console_readable(logger: logging.Logger) -> None:
    """Puts ``fits_console`` on the handlers of ``logger`` that don't write to a file."""
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(fits_console)  # once, however often it is added
