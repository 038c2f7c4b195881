"""A runner whose checkpoints hold all that training goes on from."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import mmengine
from mmengine.dist import is_main_process
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmaction.checkpoint.assumptions import META_KEY, assumptions_of
from mmaction.checkpoint.compatibility import (
    in_own_names,
    load_weights,
    require_training_state,
)
from mmaction.checkpoint.integrity import require_undamaged
from mmaction.checkpoint.plain_data import restore_histories
from mmaction.checkpoint.reading import read_checkpoint
from mmaction.checkpoint.resume import newest_checkpoint
from mmaction.checkpoint.settings import flat_settings, list_digests
from mmaction.checkpoint.training_state import Training, collect, own_state
from mmaction.checkpoint.writing import CheckpointWriter
from mmaction.engine.loops.resumable import ResumableLoop
from mmaction.engine.resuming import (
    RunDirectory,
    join_run,
    require_same_run,
    run_directory,
    take_settings,
)
from mmaction.engine.schedules import Start
from mmaction.files import DirectoryLock
from mmaction.models import ResNet3D
from mmaction.registry import HOOKS
from mmaction.version import __version__


class CheckpointedRunner(Runner):
    """mmengine's ``Runner``, which saves in the background and resumes exactly."""

    _resumed: tuple[dict[str, Any], Mapping[str, Any] | None] | None = None

    _resume: bool
    _load_from: str | None
    _has_loaded: bool
    _auto = False
    _lock: DirectoryLock | None = None
    run_id: str | None = None

    @cached_property
    def config_text(self) -> str:
        """The config as resolved. Laying it out takes a third of a second: it is done once."""
        return self.cfg.pretty_text

    @cached_property
    def settings(self) -> dict[str, str]:
        """The config's, by key, and what its annotation files are."""
        return flat_settings(self.cfg) | list_digests(self.cfg)

    @cached_property
    def checkpoint_writer(self) -> CheckpointWriter:
        """Writes this run's checkpoints, one after another."""
        return CheckpointWriter()

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict[str, Any] | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict[str, Any] | None = None,
        by_epoch: bool = True,
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        """Saves in the background; without ``save_optimizer`` the weights alone.

        All processes call it. ``checkpoint_writer.wait()`` returns once the file is whole.
        """
        at_end = dict(epoch=self.epoch + 1, iter=self.iter)
        within = dict(epoch=self.epoch, iter=self.iter + 1)
        meta = {**(at_end if by_epoch else within), **(meta or {})}
        content = self.collect_state(meta, resumable=save_optimizer)
        if is_main_process():
            self.checkpoint_writer.write(content, Path(out_dir) / filename)

    def collect_state(self, meta: Mapping[str, Any], *, resumable: bool = True) -> dict[str, Any]:
        """What a checkpoint holds, on the CPU; see ``checkpoint.training_state.collect``.

        Args:
            meta: ``epoch`` and ``iter`` as a resumed run shall have them, and the loop's state.
            resumable: With all that training goes on from; otherwise the weights alone.
        """
        return collect(
            Training(self.model, self.optim_wrapper, self.param_schedulers, self.message_hub),
            {**meta, **self._own_meta()},
            before_save=lambda content: self.call_hook(
                "before_save_checkpoint", checkpoint=content
            ),
            resumable=resumable,
        )

    def _own_meta(self) -> dict[str, Any]:
        """What a checkpoint says of its run."""
        meta = dict(cfg=self.config_text, seed=self.seed, experiment_name=self.experiment_name)
        meta |= dict(time=time.strftime("%Y%m%d_%H%M%S"), mmengine_version=mmengine.__version__)
        meta |= dict(mmaction_version=__version__, run_id=self.run_id, settings=self.settings)
        model = self.model.module if is_model_wrapper(self.model) else self.model
        meta[META_KEY] = assumptions_of(model)
        dataset = self.train_dataloader.dataset
        return {**meta, "dataset_meta": dataset.metainfo} if hasattr(dataset, "metainfo") else meta

    def load_or_resume(self) -> None:
        """Finds what ``resume_from='auto'`` goes on from, and says which files it passed over.

        Raises:
            CheckpointError: There are checkpoints, and none of them is whole.
        """
        if self._train_dataloader is None or self._has_loaded:
            super().load_or_resume()
            return
        self._find_newest()
        super().load_or_resume()
        self.run_id = join_run(self, self._directory, resumed_id=self.run_id)

    @cached_property
    def _directory(self) -> RunDirectory:
        """By the config: where weights are sharded, it is asked for before there are hooks."""
        given = (self.cfg.get("default_hooks") or {}).get("checkpoint", {})
        default = dict(type="TrainingCheckpointHook", interval=1)
        return run_directory(self, None if given is None else HOOKS.build({**default, **given}))

    def _find_newest(self) -> None:
        """What ``auto`` goes on from; looked for once."""
        if self._resume and self._load_from is None:
            self._auto = True
            directory = self._directory
            found = newest_checkpoint(directory.checkpoints, self.logger, run_id=directory.run_id())
            self._load_from, self._resume = found, found is not None

    def _init_model_weights(self) -> None:
        """As mmengine's; a run that starts from a checkpoint asks for no weights beside it."""
        model = self.model.module if is_model_wrapper(self.model) else self.model
        backbone = getattr(model, "backbone", None)
        if self._load_from is not None and isinstance(backbone, ResNet3D) and backbone.pretrained:
            backbone.pretrained = None
            self.logger.info(f"model.backbone.pretrained is not loaded: {self._load_from} is")
        super()._init_model_weights()

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Goes on where the checkpoint was saved: position in the epoch and rng state included."""
        start = Start(self.optim_wrapper, self.param_schedulers)
        super().resume(filename, *args, **kwargs)
        assert self._resumed is not None
        meta, own = self._resumed
        self._resumed = None
        self.run_id = meta.get("run_id")
        if self._auto:
            require_same_run(meta, self.settings, filename)
        if isinstance(self.train_loop, ResumableLoop):
            self.train_loop.continue_from(meta, own)
        take_settings(self, start, meta)

    def load_checkpoint(
        self,
        filename: str,
        map_location: str | Callable = "cpu",
        strict: bool = False,
        revise_keys: list | None = None,
    ) -> dict[str, Any]:
        """Reads ``filename`` with the weights-only unpickler and loads what it holds.

        Names of other code become this project's. A test or a resumed run (``strict``, or
        ``resume`` in the config) needs the same architecture; ``load_from`` takes what fits and
        logs what does not; less than half of the parameters with ``load_partly`` alone.

        Raises:
            UserError: See ``read_checkpoint`` and ``load_weights``.
        """
        require_undamaged(filename)
        model = self.model.module if is_model_wrapper(self.model) else self.model
        checkpoint, said = in_own_names(model, read_checkpoint(filename), filename)
        if said is not None:
            self.logger.info(said)
        if self._resume:
            require_training_state(checkpoint, filename)
            # mmengine would run it as Python.
            checkpoint["meta"].pop("config", None)
            self._resumed = checkpoint["meta"], own_state(checkpoint)
        restore_histories(checkpoint)
        self.call_hook("after_load_checkpoint", checkpoint=checkpoint)
        strict = strict or self._resume or self._train_dataloader is None
        partly = bool(self.cfg.get("load_partly", False))
        differing = load_weights(model, checkpoint, filename, strict=strict, partly=partly)
        if differing is not None:
            self.logger.warning(differing)
        self._has_loaded = True
        self.logger.info(f"Loaded checkpoint {os.path.abspath(filename)}")
        return checkpoint
