"""Are a checkpoint's explanations true? Explainers × measures on a config's test set."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mmaction.apis.recognizer import load_recognizer
from mmaction.apis.test import fingerprints
from mmaction.errors import ConfigError
from mmaction.explain.explainers import build_explainer
from mmaction.explain.measures import (
    EvaluationOptions,
    MeasureTable,
    Subject,
    evaluate,
    open_ground_truth,
    resolve_measures,
    write_plots,
)
from mmaction.files import require_writable
from mmaction.readable_errors import readable_build_errors
from mmaction.registry import DATASETS

# A comma that ends one explainer; those between its options and within tuples don't.
_NEXT_EXPLAINER = re.compile(r",(?=\s*[A-Za-z_]\w*\s*(?:[:,]|$))")


def evaluate_explanations(
    cfg: Config,
    checkpoint: str | os.PathLike[str],
    explainers: Sequence[str],
    *,
    options: EvaluationOptions | None = None,
    out: str | os.PathLike[str] | None = None,
) -> MeasureTable:
    """Measures explainers on a config's test set, one view (the middle one) a video.

    Args:
        cfg: From ``load_config``.
        checkpoint: Weights of the config's network.
        explainers: As ``build_explainer`` takes them, ``name`` or ``name:option=value,…``; the
            controls of ``measures.evaluate`` are added where they are missing.
        options: What is measured.
        out: Directory for ``table.csv``, ``results.json`` and the curves as pictures.

    Raises:
        UserError: For a name, checkpoint, config or data that can't be used.
    """
    options = options or EvaluationOptions()
    groups = resolve_measures(options.metrics)
    built = {name: build_explainer(name) for name in split_explainers(explainers)}
    if not built:
        raise ConfigError("no explainer is named")
    subject = open_subject(cfg, checkpoint, options)
    if out is not None:
        require_writable(out, name="--out")
    table = evaluate(subject, built, groups=groups, options=options)
    table.about.update(about(cfg, checkpoint, options))
    if out is not None:
        table.save(Path(out))
        write_plots(table, Path(out))
    return table


def about(
    cfg: Config, checkpoint: str | os.PathLike[str], options: EvaluationOptions
) -> dict[str, Any]:
    """What figures are of: config, checkpoint, their SHA-256 and the seed."""
    return dict(
        config=cfg.filename,
        checkpoint=os.fspath(checkpoint),
        sha256=fingerprints(cfg, checkpoint),
        seed=options.seed,
    )


def open_subject(
    cfg: Config, checkpoint: str | os.PathLike[str], options: EvaluationOptions
) -> Subject:
    """A checkpoint's network and chosen videos of the config's test set.

    Args:
        cfg: From ``load_config``.
        checkpoint: Weights of the config's network.
        options: Which videos, and their ground truth.

    Raises:
        UserError: For a checkpoint, config or data that can't be used.
    """
    if not cfg.get("test_dataloader"):
        raise ConfigError("the config has no test_dataloader to evaluate on")
    model = load_recognizer(cfg, checkpoint)
    with readable_build_errors():
        dataset = DATASETS.build(cfg.test_dataloader.dataset)
    indices = choose_videos(dataset.annotations.labels, options.videos, options.seed)
    reader = None if options.ground_truth is None else open_ground_truth(options.ground_truth)
    return Subject(model, dataset, indices, batch_size=options.batch_size, reader=reader)


def split_explainers(given: Sequence[str]) -> list[str]:
    """``['a,b:x=1,y=(2,3),c']`` as ``['a', 'b:x=1,y=(2,3)', 'c']``, each once."""
    names = [name.strip() for text in given for name in _NEXT_EXPLAINER.split(text)]
    return list(dict.fromkeys(name for name in names if name))


def choose_videos(labels: np.ndarray, count: int, seed: int) -> list[int]:
    """Positions of ``count`` videos, rising: as many of each class as there are, by chance.

    Args:
        labels: int64, N.
        count: How many; all where there are no more.
        seed: Of the choice.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.zeros(len(labels), dtype=np.int64)  # how many of its class come before
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        turn[of_class] = np.arange(len(of_class))
    return sorted(order[np.argsort(turn[order], kind="stable")][:count].tolist())
