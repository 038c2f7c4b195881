"""Leave-one-group-out evaluation: train on all groups of videos but one, test on that one."""

from __future__ import annotations

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


def find_groups(names: Iterable[str], pattern: str) -> dict[str, int]:
    """Groups of videos and their sizes, in the order of their names.

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
    groups: dict[str, int] = {}
    for name in sorted(names):
        match = expression.match(name)
        if match is None:
            raise ConfigError(f"--group {pattern!r} does not fit the video {name!r}")
        groups[match[1]] = groups.get(match[1], 0) + 1
    if len(groups) < 2:
        raise ConfigError(f"--group {pattern!r} finds the group {next(iter(groups))!r} alone")
    return groups


def leave_one_out(
    config: str, *, group: str, work_dir: str, seed: int, options: Sequence[str] = ()
) -> Iterable[Fold]:
    """Trains and tests once a group, each in processes of their own; yields as results come.

    Args:
        config: A config whose train, val and test sets read the same annotation files.
        group: See ``find_groups``; names of a group are told by ``<group>*``.
        work_dir: Each group gets a directory in it.
        seed: Of every training.
        options: Further ``--cfg-options``.

    Raises:
        UserError: A command failed; it has said why.
    """
    dataset = load_config(config).train_dataloader.dataset
    names = AnnotationList.load(dataset.ann_file).names()
    for name, videos in find_groups(names, group).items():
        directory = os.path.join(work_dir, name)
        chosen = [
            f"train_dataloader.dataset.exclude={name}*",
            f"val_dataloader.dataset.include={name}*",
            f"test_dataloader.dataset.include={name}*",
            *options,
        ]
        started = time.monotonic()
        _run("train_recognizer.py", config, "--work-dir", directory, "--seed", str(seed), chosen)
        seconds = time.monotonic() - started
        checkpoint = (Path(directory) / "last_checkpoint").read_text().strip()
        scores = os.path.join(directory, "scores.pkl")
        _run(
            "test_recognizer.py",
            config,
            checkpoint,
            "--work-dir",
            directory,
            "--out",
            scores,
            chosen,
        )
        metrics = json.loads(Path(scores).with_suffix(".metrics.json").read_text())
        yield Fold(group=name, videos=videos, metrics=metrics, train_seconds=seconds)


def _run(tool: str, *arguments: str | Sequence[str]) -> None:
    *fixed, options = arguments
    command = [sys.executable, os.fspath(TOOLS / tool), *fixed, "--cfg-options", *options]
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise UserError(f"{tool} {' '.join(options)} ended with exit code {done.returncode}")
