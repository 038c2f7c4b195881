"""Curves of one training or several, from what they logged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mmaction.errors import ConfigError, UserError
from mmaction.evaluation.curves_figure import curves_figure
from mmaction.evaluation.figures import save_figure
from mmaction.evaluation.run_log import RunLog, read_run
from mmaction.files import require_writable

FORMATS = ("png", "svg", "pdf", "jpg")


def plot_curves(
    folders: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    keys: Sequence[str] = (),
) -> list[str]:
    """Writes curves of the runs of some work_dirs into one picture.

    Args:
        folders: The work_dirs.
        out: The picture, in the format of its ending.
        keys: What to show, in this order; none: see ``usual_keys``.

    Returns:
        Notes for the person who asked, a line each: which run lacks which key.

    Raises:
        UserError: A work_dir without logs, a key that none of them has, or an ``out`` that can't be
            written; nothing is written then.
    """
    ending = Path(out).suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise ConfigError(f"--out {out}: expected a name that ends in .{', .'.join(FORMATS)}")
    runs = [read_run(folder) for folder in folders]
    known = list(dict.fromkeys(key for run in runs for key in run.keys()))  # noqa: SIM118
    for key in keys:
        if key not in known:
            raise UserError(
                f"--keys {key}: not in the logs of {', '.join(str(run.folder) for run in runs)}"
                f"; there are: {', '.join(known)}"
            )
    shown = list(dict.fromkeys(keys)) or usual_keys(runs)
    if not shown:
        raise UserError(f"nothing of what is usually shown was logged; --keys: {', '.join(known)}")
    figure = curves_figure(runs, shown, run_names(runs))
    require_writable(Path(out).parent, name="--out")
    if Path(out).is_dir():
        raise ConfigError(f"--out {out}: is a directory, expected a file name")
    save_figure(figure, out)
    return [
        f"{run.folder}: no {key} in its logs, so not in that panel"
        for key in shown
        for run in runs
        if key not in {*run.training, *run.validation}
    ]


def usual_keys(runs: Sequence[RunLog]) -> list[str]:
    """What most want to see: the loss, top-1 of training and of validation, the learning rate."""
    training = dict.fromkeys(key for run in runs for key in run.training)
    validation = dict.fromkeys(key for run in runs for key in run.validation)
    return [
        *(key for key in training if key == "loss"),
        *(key for key in training if key.startswith("top1")),
        *(key for key in validation if key.endswith("/top1")),
        *(key for key in training if key == "lr"),
    ]


def run_names(runs: Sequence[RunLog]) -> list[str]:
    """The names of the work_dirs, with as much of their paths as tells them apart."""
    paths = [run.folder.resolve() for run in runs]
    longest = max(len(path.parts) for path in paths)
    for length in range(1, longest):
        names = [Path(*path.parts[-length:]).as_posix() for path in paths]
        if len(set(names)) == len(set(paths)):
            return names
    return [path.as_posix() for path in paths]
