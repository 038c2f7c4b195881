"""When checkpoints are saved and which of them are kept."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook

from mmaction.checkpoint.training_state import gradients_pending
from mmaction.engine.loops.resumable import ResumableLoop
from mmaction.errors import ConfigError, near
from mmaction.files import atomic_path, remove_parts
from mmaction.registry import HOOKS

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner

LAST = "last_checkpoint"  # holds the newest one's path
STEP_NAME = "iter_{}.pth"


@HOOKS.register_module()
class TrainingCheckpointHook(CheckpointHook):
    """mmengine's hook, its checkpoints exact and written in the background; it takes its place.

    A file is deleted only once the one that takes its place is whole.

    Args:
        save_every_n_steps: Also after every so many batches, counted over the whole training; of
            these files, the newest is kept until an epoch's end is saved. Gradients that are being
            added up are used first.
        **kwargs: mmengine's: ``interval``, ``by_epoch``, ``max_keep_ckpts``, ``save_best``,
            ``rule`` and so on; ``out_dir`` on a file system of this machine.

    Raises:
        ConfigError: Not a whole number of 1 or more, or a key that there is not.
    """

    def __init__(
        self,
        *,
        save_every_n_steps: int | None = None,
        **kwargs: Any,
    ) -> None:
        every = save_every_n_steps
        if every is not None and (not isinstance(every, int) or every < 1):
            raise ConfigError(f"save_every_n_steps={every!r}: expected a whole number, 1 or more")
        known = {*inspect.signature(CheckpointHook).parameters, "save_every_n_steps"}
        for key in kwargs:  # mmengine's hook takes any, for savers that are not used here
            if key not in known or key == "published_keys":
                raise ConfigError(f"default_hooks.checkpoint has no key {key!r}{near(key, known)}")
        super().__init__(**kwargs)
        self.save_every_n_steps = save_every_n_steps
        self._given_dir = self.out_dir
        self._saved: tuple[int, int] | None = None  # epoch and steps of the newest
        self._held: dict[str, Any] | None = None
        self._step_due = False

    def directory(self, runner: ActionRunner) -> Path:
        """Where checkpoints go: ``work_dir``, or its name below ``out_dir``."""
        work_dir = Path(runner.work_dir)
        if self._given_dir is None:
            return work_dir
        if "://" in os.fspath(self._given_dir):
            raise ConfigError(
                f"default_hooks.checkpoint.out_dir={self._given_dir!r}: expected a directory of"
                " this machine"
            )
        return Path(self._given_dir) / work_dir.name

    def before_train(self, runner: ActionRunner) -> None:
        """As mmengine's; and clears away what a killed run left unfinished.

        Raises:
            ConfigError: ``by_epoch`` with a loop that counts steps.
        """
        loop = runner.train_loop
        if self.by_epoch and isinstance(loop, ResumableLoop) and loop.counts_steps:
            raise ConfigError(
                "default_hooks.checkpoint.by_epoch=True: ResumableIterTrainLoop counts steps: set"
                " by_epoch=False, and interval to a number of steps"
            )
        self.out_dir = os.fspath(self.directory(runner))
        runner.logger.info(f"checkpoints go to {self.out_dir}")
        if is_main_process() and os.path.isdir(self.out_dir):
            remove_parts(Path(self.out_dir))

    def after_train_iter(
        self,
        runner: ActionRunner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Saves where a step is due or the training is to end after it."""
        runner.checkpoint_writer.check()
        step = runner.iter + 1
        every = self.save_every_n_steps
        due = every is not None and step % every == 0
        if not self.by_epoch:
            due |= self.every_n_train_iters(runner, self.interval, self.save_begin)
            due |= self.save_last and self.is_last_train_iter(runner)
        # Gradients that wait for more to be added are large: the save waits for their step.
        self._step_due |= due
        loop = runner.train_loop
        stopping = isinstance(loop, ResumableLoop) and loop.steps.stop_signal
        if (self._step_due or stopping) and not gradients_pending(runner.optim_wrapper):
            self._step_due = False
            runner.logger.info(f"saving a checkpoint after {step} steps")
            done = loop.batches_done if isinstance(loop, ResumableLoop) else batch_idx + 1
            self._save(runner, epoch=runner.epoch, step=step, batches_done=done)

    def after_train_epoch(self, runner: ActionRunner) -> None:
        """Saves where an epoch's end is due."""
        due = self.every_n_epochs(runner, self.interval, self.save_begin)
        if self.by_epoch and (due or (self.save_last and self.is_last_train_epoch(runner))):
            runner.logger.info(f"saving a checkpoint after {runner.epoch + 1} epochs")
            self._save(runner, epoch=runner.epoch + 1, step=runner.iter, batches_done=0)

    def before_validation(self, runner: ActionRunner) -> None:
        """Keeps a copy of what is not saved, should validation be told to end."""
        loop = runner.train_loop
        if isinstance(loop, ResumableLoop) and self._saved != (runner.epoch, runner.iter):
            self._held = self._state(runner, runner.epoch, runner.iter, loop.batches_done)

    def after_validation(self, runner: ActionRunner) -> None:
        """Lets the copy go."""
        self._held = None

    def after_val_iter(
        self, runner: ActionRunner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Ends a validation that a signal came into: it is run again from its beginning.

        Processes are not in step here: the first one ends, which ends the others.
        """
        loop = runner._train_loop
        if is_main_process() and isinstance(loop, ResumableLoop) and loop.steps.signals.received:
            if self._held is not None:
                self._write(runner, self._held, self._path(runner.epoch, runner.iter, 0))
            loop.end_stopped(loop.steps.signals.received, together=False)

    def _save(self, runner: ActionRunner, *, epoch: int, step: int, batches_done: int) -> None:
        content = self._state(runner, epoch, step, batches_done)
        self._saved = epoch, step
        self._write(runner, content, self._path(epoch, step, batches_done))

    def _state(
        self, runner: ActionRunner, epoch: int, step: int, batches_done: int
    ) -> dict[str, Any]:
        meta: dict[str, Any] = dict(epoch=epoch, iter=step)
        loop = runner.train_loop
        if isinstance(loop, ResumableLoop):
            meta |= loop.state(batches_done=batches_done)
        return runner.collect_state(meta)

    def _write(self, runner: ActionRunner, content: dict[str, Any], path: Path) -> None:
        self.last_ckpt = os.fspath(path)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        if is_main_process():
            last, step = Path(runner.work_dir) / LAST, content["meta"]["iter"]
            then = partial(self._after_write, path, last=last, step=step)
            runner.checkpoint_writer.write(content, path, then=then)

    def _after_write(self, path: Path, *, last: Path, step: int) -> None:
        """Once it is whole: names it as the newest, and deletes what it takes the place of."""
        with atomic_path(last, durable=True) as part:
            part.write_text(os.fspath(path), encoding="utf-8")
        ends = list(_numbered(path.parent, self.filename_tmpl).values())
        within = _numbered(path.parent, STEP_NAME) if self.by_epoch else {}
        outdated = [each for number, each in within.items() if number <= step and each != path]
        if self.max_keep_ckpts > 0 and path in ends:
            # A run that began again at an earlier epoch leaves what was trained further.
            outdated += ends[: ends.index(path) + 1][: -self.max_keep_ckpts]
        _remove(outdated)

    def _path(self, epoch: int, step: int, batches_done: int) -> Path:
        name = self.filename_tmpl.format(epoch if self.by_epoch else step)
        if self.by_epoch and batches_done:
            name = STEP_NAME.format(step)
        return Path(self.out_dir) / name

    def _save_best_checkpoint(self, runner: ActionRunner, metrics: Mapping[str, Any]) -> None:
        """As mmengine's, but the former best one goes only once the new one is whole."""
        if not self.save_best:
            return
        if "auto" in self.key_indicators:
            self._init_rule(self.rules, [next(iter(metrics))])
        for indicator, rule in zip(self.key_indicators, self.rules, strict=True):
            suffix = "" if len(self.key_indicators) == 1 else f"_{indicator}"
            hub = runner.message_hub
            score = metrics.get(indicator)
            if score is None:
                raise ConfigError(
                    f"default_hooks.checkpoint.save_best={indicator!r}: the evaluator has no such"
                    f" number{near(indicator, metrics)}"
                )
            best = hub.get_info(f"best_score{suffix}", self.init_value_map[rule])
            if not self.is_better_than[indicator](score, best):
                continue
            number = runner.epoch if self.by_epoch else runner.iter
            name = f"best_{indicator}_{self.filename_tmpl.format(number)}".replace("/", "_")
            path = Path(self.out_dir) / name
            former = hub.get_info(f"best_ckpt{suffix}")
            hub.update_info(f"best_score{suffix}", score)
            hub.update_info(f"best_ckpt{suffix}", os.fspath(path))
            meta = dict(epoch=runner.epoch, iter=runner.iter)
            content = runner.collect_state(meta, resumable=False)
            if is_main_process():
                outdated = [Path(former)] if former and Path(former) != path else []
                then = partial(_remove, outdated)
                runner.checkpoint_writer.write(content, path, then=then)
            runner.logger.info(f"the best {indicator} so far, {score:0.4f}: kept in {name}")


def _numbered(directory: Path, template: str) -> dict[int, Path]:
    """The files there whose names are ``template`` with a number, by it in rising order."""
    pattern = re.compile(re.escape(template).replace(r"\{\}", r"(\d+)"))
    found = ((pattern.fullmatch(path.name), path) for path in directory.iterdir())
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def _remove(outdated: Iterable[Path]) -> None:
    for path in outdated:
        path.unlink(missing_ok=True)
