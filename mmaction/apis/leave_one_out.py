"""Leave-one-group-out evaluation: train on all groups of videos but one, test on that one."""

from __future__ import annotations

import glob
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmaction.apis.config import load_config
from mmaction.datasets.annotations import AnnotationList
from mmaction.errors import ConfigError, UserError

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@dataclass(frozen=True)
class Fold:
    """What came of leaving one group out.

    Attributes:
        group: Its name.
        videos: How many it has.
        metrics: ``{'perception/top1': …}`` in [0, 1].
        train_seconds: The training command's wall-clock, from start to end.
    """

    group: str
    videos: int
    metrics: dict[str, float]
    train_seconds: float


def find_groups(names: Iterable[str], pattern: str) -> dict[str, list[str]]:
    """Groups of videos by name, in the order of their names.

    Args:
        names: The videos' names.
        pattern: Regular expression; its first group, matched at a name's start, names the group.

    Raises:
        ConfigError: The pattern is none, fits a name not at all, or puts all names in one group.
    """
    try:
        expression = re.compile(pattern)
    except re.error as e:
        raise ConfigError(f"--group {pattern!r} is no regular expression: {e}") from e
    if not expression.groups:
        raise ConfigError(f"--group {pattern!r}: expected parentheses around the group's name")
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        match = expression.match(name)
        if match is None:
            raise ConfigError(f"--group {pattern!r} does not fit the video {name!r}")
        groups.setdefault(match[1], []).append(name)
    if len(groups) < 2:
        raise ConfigError(f"--group {pattern!r} finds the group {next(iter(groups))!r} alone")
    return groups


def leave_one_out(
    config: str, *, group: str, work_dir: str, seed: int, options: Sequence[str] = ()
) -> Iterable[Fold]:
    """Trains and tests once a group, each in processes of their own; yields as results come.

    Args:
        config: A config whose train, val and test sets read the same annotation files.
        group: See ``find_groups``.
        work_dir: Each group gets a directory in it.
        seed: Of every training.
        options: Further ``--cfg-options``.

    Raises:
        UserError: A command failed; it has said why.
    """
    dataset = load_config(config).train_dataloader.dataset
    names = AnnotationList.load(dataset.ann_file).names()
    for name, videos in find_groups(names, group).items():
        directory = Path(work_dir) / name
        directory.mkdir(parents=True, exist_ok=True)
        # Beside the directory, where a run keeps its resolved config under the same name.
        fold_config = Path(work_dir) / f"{name}.py"
        fold_config.write_text(_fold_config(config, videos), encoding="utf-8")
        run = [os.fspath(fold_config), "--work-dir", os.fspath(directory)]
        changes = ["--cfg-options", *options] if options else []
        started = time.monotonic()
        _run("train_recognizer.py", *run, "--seed", str(seed), *changes)
        seconds = time.monotonic() - started
        checkpoint = (directory / "last_checkpoint").read_text().strip()
        scores = directory / "scores.pkl"
        _run(
            "test_recognizer.py", run[0], checkpoint, *run[1:], "--out", os.fspath(scores), *changes
        )
        metrics = json.loads(scores.with_suffix(".metrics.json").read_text())
        yield Fold(group=name, videos=len(videos), metrics=metrics, train_seconds=seconds)


def _fold_config(config: str, left_out: Sequence[str]) -> str:
    """The text of a config that trains without some videos and is validated and tested on them."""
    names = [glob.escape(name) for name in left_out]
    return (
        f"_base_ = {os.path.abspath(config)!r}\n"
        f"left_out = {names!r}\n"
        "train_dataloader = dict(dataset=dict(exclude=left_out, include=None))\n"
        "val_dataloader = dict(dataset=dict(exclude=None, include=left_out))\n"
        "test_dataloader = val_dataloader\n"
    )


def _run(tool: str, *arguments: str) -> None:
    command = [sys.executable, os.fspath(TOOLS / tool), *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise UserError(f"{tool} {arguments[0]} ended with exit code {done.returncode}")
