"""A runner whose checkpoints hold all that training goes on from."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sized
from functools import cached_property
from pathlib import Path
from typing import Any

import mmengine
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.runner import Runner

from mmaction.checkpoint.assumptions import META_KEY, assumptions_of
from mmaction.checkpoint.compatibility import (
    in_own_names,
    load_weights,
    require_training_state,
)
from mmaction.checkpoint.description import META_KEY as RECOGNIZER
from mmaction.checkpoint.description import describe
from mmaction.checkpoint.reading import read_checkpoint, require_undamaged
from mmaction.checkpoint.run_directory import RunDirectory
from mmaction.checkpoint.settings import differing_settings, flat_settings, list_digests
from mmaction.checkpoint.training_state import collect, own_state, restore_histories
from mmaction.checkpoint.writing import CheckpointWriter
from mmaction.engine.distributed import bare_model
from mmaction.engine.loops.resumable import ResumableLoop
from mmaction.engine.optimizers import Start
from mmaction.errors import CheckpointError
from mmaction.files import DirectoryLock
from mmaction.models import ResNet3D
from mmaction.models.backbones.libraries import LibraryBackbone
from mmaction.registry import HOOKS
from mmaction.version import __version__

# What decides how a rate goes on; another value of these and the schedule is that of the config.
_OF_SCHEDULES = (
    "optim_wrapper.",
    "param_scheduler",
    "train_cfg.max_",
    "train_dataloader.batch_size",
    "auto_scale_lr.",
)
_SEED = "randomness.seed"  # stays the checkpoint's
SHOWN = 20


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
            bare_model(self.model),
            self.optim_wrapper,
            self.param_schedulers,
            message_hub=self.message_hub,
            meta={**meta, **self._own_meta()},
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
        dataset, network = self.train_dataloader.dataset, bare_model(self.model)
        meta[META_KEY] = assumptions_of(network)
        metainfo = getattr(dataset, "metainfo", None)
        if metainfo is not None:
            meta["dataset_meta"] = metainfo
        if isinstance(dataset, Sized):
            meta["training_videos"] = len(dataset)
        classes = (metainfo or {}).get("classes")
        meta[RECOGNIZER] = describe(self.cfg, classes, network=network).as_text()
        return meta

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
        self._join_run()

    @cached_property
    def _directory(self) -> RunDirectory:
        """By the config: where weights are sharded, it is asked for before there are hooks."""
        work_dir = Path(self.work_dir)
        given = (self.cfg.get("default_hooks") or {}).get("checkpoint", {})
        if given is None:
            return RunDirectory(work_dir, work_dir)
        hook = HOOKS.build({"type": "TrainingCheckpointHook", "interval": 1, **given})
        names = {hook.filename_tmpl.format("*"), "iter_*.pth", "best_*.pth"}
        return RunDirectory(work_dir, hook.directory(self), tuple(sorted(names)))

    def _find_newest(self) -> None:
        """What ``auto`` goes on from; looked for once."""
        if self._resume and self._load_from is None:
            self._auto = True
            self._load_from = self._directory.agree_on_newest(self.logger)
            self._resume = self._load_from is not None

    def _join_run(self) -> None:
        """Goes on with the run that ``work_dir`` belongs to, or begins a new one there."""
        shared: list[Any] = [self.run_id, None]  # of the checkpoint, if it has one
        if is_main_process():
            directory, current = self._directory, self._directory.run_id()
            source = Path(str(self._load_from))
            if self._resume and current is None and source.parent == directory.checkpoints:
                # Checkpoints that were copied here, or are from before runs had ids.
                shared[0] = self.run_id or f"from_{source.stem}"
                directory.adopt(shared[0])
            elif not self._resume or current is None or current != self.run_id:
                shared = list(directory.begin())
        broadcast_object_list(shared)
        self.run_id, moved = shared
        if moved is not None:
            self.logger.warning(f"checkpoints and records of an older run are now in {moved}")
        self.logger.info(f"run {self.run_id}")

    def _init_model_weights(self) -> None:
        """As mmengine's; a run that starts from a checkpoint asks for no weights beside it."""
        backbone: Any = getattr(bare_model(self.model), "backbone", None)
        own = isinstance(backbone, ResNet3D | LibraryBackbone)
        if own and backbone.pretrained and self._load_from is not None:
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
            self._require_same_run(meta, filename)
        if isinstance(self.train_loop, ResumableLoop):
            self.train_loop.continue_from(meta, own)
        self._take_settings(start, meta)

    def _require_same_run(self, meta: Mapping[str, Any], path: str) -> None:
        """Refuses that ``resume_from='auto'`` goes on with another model or other data lists."""
        before = meta.get("settings") or self.settings
        for key, (old, new) in differing_settings(before, self.settings).items():
            if key.startswith("model.") or "SHA-256" in key:
                raise CheckpointError(
                    f"{path}: {key} is {old} there and {new} in the config: --resume-from auto goes"
                    " on with the same model and data lists; name the file to go on from it all the"
                    " same, or start in another --work-dir"
                )

    def _take_settings(self, start: Start, meta: Mapping[str, Any]) -> None:
        """Goes on by the config's settings, and says which of them are not the checkpoint's.

        Where those of optimizers and schedules differ, or the run's length or its batches do, the
        schedules are the config's from their beginning, at the share of the run that is done.
        """
        before = meta.get("settings")
        if before is None:
            self.logger.warning(
                "the checkpoint does not say what it was trained by: learning rate and schedule"
                " are its own, whatever the config says"
            )
            return
        differing = differing_settings(before, self.settings)
        lines = [
            f"    {key}: {old} before, {new} now" + (", not taken" if key == _SEED else "")
            for key, (old, new) in differing.items()
        ]
        if len(lines) > SHOWN:
            lines[SHOWN:] = [f"    and {len(lines) - SHOWN} more"]
        if lines:
            said = "\n".join(lines)
            self.logger.warning(f"settings that differ from the checkpoint's:\n{said}")
        loop = self.train_loop
        other_batches = isinstance(loop, ResumableLoop) and not loop.batches_as_before(meta)
        if other_batches or any(key.startswith(_OF_SCHEDULES) for key in differing):
            start.go_on(steps=self.iter, epoch_steps=len(self.train_dataloader))
            self.logger.warning(
                "learning rate and schedule are the config's, at"
                f" {self.iter / self.max_iters:.0%} of the run ({self.iter} of"
                f" {self.max_iters} steps)"
            )

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
        model = bare_model(self.model)
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
