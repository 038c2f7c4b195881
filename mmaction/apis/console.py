"""What ``tools/test_recognizer.py`` is told on the command line, and what it prints."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mmaction.apis.test import TestOutcome
from mmaction.errors import ConfigError, UserError
from mmaction.evaluation.accuracy_metric import ACCURACIES, PRECISION
from mmaction.files import require_writable


def apply_test_options(cfg: Config, args: argparse.Namespace) -> str | None:
    """Writes the options of ``tools/test_recognizer.py`` into ``cfg`` and checks the paths.

    Returns:
        Where explanations go, or None where none are wanted.
    """
    cfg.launcher, cfg.work_dir = args.launcher, args.work_dir or cfg.work_dir
    if args.out is not None:
        if not args.out.endswith((".pkl", ".pickle")):
            raise UserError(f"--out {args.out}: expected a name that ends in .pkl")
        _require_file_path(args.out, name="--out")
    if args.log is not None:
        _require_file_path(args.log, name="--log")
    if args.save_explanations is None:
        return None
    explanations = args.save_explanations or os.path.join(cfg.work_dir, "explanations")
    require_writable(explanations, name="-s")
    return explanations


def _require_file_path(path: str, *, name: str) -> None:
    if os.path.isdir(path):
        raise ConfigError(f"{name} {path}: is a directory, expected a file name")
    require_writable(os.path.dirname(path) or ".", name=name)


def accuracy_table(metrics: dict[str, float]) -> str:
    """``{'perception/top1': 0.5, …}`` as a table of percentages, a line a branch."""
    branches = list(dict.fromkeys(key.partition("/")[0] for key in metrics))
    names = [n for n in (*ACCURACIES, PRECISION) if any(key.endswith(f"/{n}") for key in metrics)]
    lines = [f"{'branch':<12}" + "".join(f"{name:>12}" for name in names)]
    for branch in branches:
        cells = (f"{100 * metrics[f'{branch}/{name}']:>10.2f} %" for name in names)
        lines.append(f"{branch:<12}" + "".join(cells))
    return "\n".join(lines)


def report_test(
    outcome: TestOutcome, *, out: str | None, log: str | None, explanations: str | None
) -> None:
    """Prints all metrics and where everything is, in the process that has the table.

    Args:
        outcome: Of the test.
        out: Where its scores were kept, if anywhere.
        log: A file that is told the same.
        explanations: The directory of its explanations, if there are any.
    """
    if outcome.table is None:
        return
    videos = len(outcome.table.names)
    lines = [f"{videos} videos" + (f", scores from {out}" if outcome.from_cache else "")]
    own = {k: v for k, v in outcome.metrics.items() if _is_accuracy(k)}
    lines.append(accuracy_table(own) if own else "no labels in the annotation, so no accuracies")
    lines += [f"{k:<24}{_shown(v)}" for k, v in outcome.metrics.items() if k not in own]
    if out:
        lines += [f"scores       {out}", f"accuracies   {Path(out).with_suffix('.metrics.json')}"]
    if explanations:
        lines.append(f"explanations {os.path.join(explanations, 'index.html')}")
    text = "\n".join(lines)
    print(text, flush=True)
    if log:
        with open(log, "a", encoding="utf-8") as f:
            f.write(text + "\n")


def _is_accuracy(key: str) -> bool:
    branch, _, name = key.partition("/")
    return branch in ("perception", "attention") and name in (*ACCURACIES, PRECISION)


def _shown(value: Any) -> str:
    return f"{float(value):.4g}" if np.ndim(value) == 0 else str(value)
