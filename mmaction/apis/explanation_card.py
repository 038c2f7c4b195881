"""A card of a checkpoint's explanations: one page in plain words, and JSON beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config

from mmaction.apis.evaluate import about, open_subject
from mmaction.apis.visualize import explain_item, named_explainers
from mmaction.datasets.splits import class_names_of
from mmaction.errors import UserError
from mmaction.explain.card import Card, make_card
from mmaction.explain.clip_video import DEFAULT_FPS
from mmaction.explain.explainers import build_explainer
from mmaction.explain.gallery import embedded, page_text
from mmaction.explain.measures import EvaluationOptions, Subject, evaluate, resolve_measures
from mmaction.explain.measures.shortcut_report import ShortcutReport
from mmaction.explain.measures.shortcuts import ask
from mmaction.explain.measures.table import write_json
from mmaction.files import atomic_path, require_writable

METRICS = ("intervention", "joint", "sanity", "localization")
CONTROL = "center"  # beside those that every table has
WORST = 10


def explanation_card(
    cfg: Config,
    checkpoint: str | os.PathLike[str],
    *,
    options: EvaluationOptions | None = None,
    explainer: str = "attention",
    out: str | os.PathLike[str] | None = None,
) -> tuple[Card, Path]:
    """Measures a checkpoint's explanations on its config's test set, and writes the card.

    Args:
        cfg: From ``load_config``.
        checkpoint: Weights of the config's network.
        options: How to measure; its ``metrics`` are the card's own.
        explainer: Whose maps, as ``build_explainer`` takes it.
        out: The page, ``….card.html``; None: beside the checkpoint, under its name, where
            ``publish`` finds the JSON and quotes it.

    Returns:
        What it says, and the page; the JSON has its name with ``.json``.

    Raises:
        UserError: For a name, checkpoint, config or data that can't be used.
    """
    options = options or EvaluationOptions(videos=48, steps=8)
    built = build_explainer(explainer)
    page = Path(checkpoint).with_suffix(".card.html") if out is None else Path(out)
    if page.suffix != ".html":
        raise UserError(f"--out {page}: expected a name that ends in .html")
    subject = open_subject(cfg, checkpoint, options)
    require_writable(page.absolute().parent, name="directory of the card")
    grid = tuple(built.explain(subject.model, subject.clips([0])).spatial.shape[2:])
    maps = {built.name: built, CONTROL: build_explainer(f"{CONTROL}:grid={grid}")}
    table = evaluate(subject, maps, groups=resolve_measures(METRICS), options=options)
    table.about.update(about(cfg, checkpoint, options))
    classes = class_names_of(cfg.test_dataloader.dataset, cfg.model.num_classes)
    shortcuts = ShortcutReport(
        names=[subject.name(position) for position in range(len(subject))],
        labels=subject.labels,
        answers=ask(subject, built, seed=options.seed),
        classes=classes,
    )
    card = make_card(f"Explanations of {Path(checkpoint).name}", table, shortcuts, built.name)
    found = {**table.record(), **card.record(), "shortcuts": shortcuts.record()}
    write_json(
        {key: value for key, value in found.items() if key != "curves"}, page.with_suffix(".json")
    )
    told = f"{Path(str(cfg.filename)).name}, {len(subject)} videos of its test set"
    told += f", maps of {built.name}; intervals are 95 %, bootstrapped over videos"
    with atomic_path(page) as path:
        clips = worst_clips(subject, explainer, classes)
        path.write_text(card.html(about=told, clips=clips), encoding="utf-8")
    return card, page


def worst_clips(subject: Subject, explainer: str, classes: Sequence[str] | None) -> str:
    """A page of players, HTML, of the clips whose class gets the least probability.

    Args:
        subject: The network and the videos; of unlabelled ones, the answer is the class.
        explainer: Whose maps are shown.
        classes: K class names.
    """
    labels = np.where(subject.labels < 0, subject.classes, subject.labels)
    sure = subject.probabilities.numpy()[np.arange(len(subject)), labels]
    look = named_explainers([explainer])
    entries, players = embedded(
        (explain_item(subject.model, subject.item(n), look, classes=classes), DEFAULT_FPS)
        for n in np.argsort(sure, kind="stable")[:WORST].tolist()
    )
    return page_text("Where it fails", entries=entries, classes=classes, players=players)
