"""A runner whose checkpoints hold all that training goes on from."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sized
from functools import cached_property
from pathlib import Path
from typing import Any

import mmengine
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

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
from mmaction.datasets import FeatureDataset
from mmaction.engine.loops.resumable import ResumableLoop
from mmaction.engine.optimizers import advance, keep_settings
from mmaction.engine.sharding import FullyShardedModel
from mmaction.errors import CheckpointError
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

    _resumed: tuple[dict[str, Any], Mapping[str, Any] | None]  # the checkpoint's, of this process
    _other_schedule: bool

    _resume: bool
    _load_from: str | None
    _has_loaded: bool
    _auto = False
    run_id: str | None = None

    @property
    def network(self) -> nn.Module:
        """The network inside of what spreads it over processes."""
        return self.model.module if is_model_wrapper(self.model) else self.model

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
        *_: Any,
        save_optimizer: bool = True,
        meta: dict[str, Any] | None = None,
        by_epoch: bool = True,
        **__: Any,
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
            self.network,
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
        meta[META_KEY] = assumptions_of(self.network)
        dataset = self.train_dataloader.dataset
        metainfo = getattr(dataset, "metainfo", None)
        if metainfo is not None:
            meta["dataset_meta"] = metainfo
        if isinstance(dataset, Sized):
            meta["training_videos"] = len(dataset)
        classes = (metainfo or {}).get("classes")
        meta[RECOGNIZER] = describe(self.cfg, classes, network=self.network).as_text()
        return meta

    def load_or_resume(self) -> None:
        """As mmengine's; a training also joins the run that its directory belongs to.

        Raises:
            DataError: Cached features were made by another network.
        """
        begins = self._train_dataloader is not None and not self._has_loaded
        super().load_or_resume()
        if begins:
            self._join_run()
            dataset = self.train_dataloader.dataset
            if isinstance(dataset, FeatureDataset):
                dataset.require_made_by(self.network)

    @cached_property
    def _directory(self) -> RunDirectory:
        """By the config: it is asked for before there are hooks."""
        work_dir = Path(self.work_dir)
        given = (self.cfg.get("default_hooks") or {}).get("checkpoint", {})
        if given is None:
            return RunDirectory(work_dir, work_dir)
        hook = HOOKS.build({"type": "TrainingCheckpointHook", "interval": 1, **given})
        names = {hook.filename_tmpl.format("*"), "iter_*.pth", "best_*.pth"}
        return RunDirectory(work_dir, hook.directory(self), tuple(sorted(names)))

    def _find_newest(self) -> None:
        """What ``resume_from='auto'`` goes on from; says which files it passed over.

        Raises:
            CheckpointError: There are checkpoints, and none of them is whole.
        """
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
        """As mmengine's; a run that starts from a checkpoint asks for no weights beside it.

        Sharded weights have their start values since before they were parted.
        """
        if isinstance(self.model, FullyShardedModel):
            return
        backbone: Any = getattr(self.network, "backbone", None)
        own = isinstance(backbone, ResNet3D | LibraryBackbone)
        if own and backbone.pretrained and self._load_from is not None:
            backbone.pretrained = None
            self.logger.info(f"model.backbone.pretrained is not loaded: {self._load_from} is")
        super()._init_model_weights()

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        """Goes on where the checkpoint was saved: position in the epoch and rng state included.

        Settings are the config's. Where those of optimizers and schedules are not the checkpoint's,
        or the run's length or its batches are not, the schedules are the config's from their
        beginning, at the share of the run that is done.
        """
        super().resume(filename, *args, **kwargs)
        meta, own = self._resumed
        del self._resumed
        self.run_id = meta.get("run_id")
        if isinstance(self.train_loop, ResumableLoop):
            self.train_loop.continue_from(meta, own)
        if self._other_schedule:
            epoch_steps = len(self.train_dataloader)
            advance(self.param_schedulers, steps=self.iter, epoch_steps=epoch_steps)
            self.logger.warning(
                "learning rate and schedule are the config's, at"
                f" {self.iter / self.max_iters:.0%} of the run ({self.iter} of"
                f" {self.max_iters} steps)"
            )

    def _has_other_schedule(self, meta: Mapping[str, Any]) -> bool:
        """Says which settings are not the checkpoint's; whether rates go on in another way."""
        before = meta.get("settings")
        if before is None:
            self.logger.warning(
                "the checkpoint does not say what it was trained by: learning rate and schedule"
                " are its own, whatever the config says"
            )
            return False
        differing = differing_settings(before, self.settings)
        lines = [
            f"    {key}: {old} before, {new} now" + (", not taken" if key == _SEED else "")
            for key, (old, new) in differing.items()
        ]
        lines[SHOWN:] = [f"    and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        if lines:
            lines.insert(0, "settings that differ from the checkpoint's:")
            self.logger.warning("\n".join(lines))
        loop = self.train_loop
        other_batches = isinstance(loop, ResumableLoop) and not loop.batches_as_before(meta)
        return other_batches or any(key.startswith(_OF_SCHEDULES) for key in differing)

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

    def load_checkpoint(
        self, filename: str, *_: Any, strict: bool = False, **__: Any
    ) -> dict[str, Any]:
        """Reads ``filename`` with the weights-only unpickler and loads what it holds.

        Names of other code become this project's. A test or a resumed run (``strict``, or
        ``resume`` in the config) needs the same architecture; ``load_from`` takes what fits and
        logs what does not; less than half of the parameters with ``load_partly`` alone.

        Raises:
            UserError: See ``read_checkpoint`` and ``load_weights``.
        """
        require_undamaged(filename)
        checkpoint, said = in_own_names(self.network, read_checkpoint(filename), filename)
        if said is not None:
            self.logger.info(said)
        if self._resume:
            require_training_state(checkpoint, filename)
            meta = checkpoint["meta"]
            if self._auto:
                self._require_same_run(meta, filename)
            meta.pop("config", None)  # mmengine would run it as Python
            self._other_schedule = self._has_other_schedule(meta)
            self._resumed = meta, own_state(checkpoint)
            if self._other_schedule:
                checkpoint.pop("param_schedulers", None)
                keep_settings(self.optim_wrapper, checkpoint["optimizer"])
        restore_histories(checkpoint)
        self.call_hook("after_load_checkpoint", checkpoint=checkpoint)
        strict = strict or self._resume or self._train_dataloader is None
        partly = bool(self.cfg.get("load_partly", False))
        differing = load_weights(self.network, checkpoint, filename, strict=strict, partly=partly)
        if differing is not None:
            self.logger.warning(differing)
        self._has_loaded = True
        self.logger.info(f"Loaded checkpoint {os.path.abspath(filename)}")
        return checkpoint
