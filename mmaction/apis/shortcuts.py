"""Do a checkpoint's answers rest on the background? Clips of its test set without the action."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config

from mmaction.apis.evaluate import about, open_subject
from mmaction.apis.visualize import explain_item, named_explainers
from mmaction.datasets.splits import class_names_of
from mmaction.explain import ExplanationWriter
from mmaction.explain.explainers import Explainer, build_explainer
from mmaction.explain.gallery import write_gallery
from mmaction.explain.measures import EvaluationOptions, Subject
from mmaction.explain.measures.shortcut_report import ShortcutReport
from mmaction.explain.measures.shortcuts import PROBES, ask, hidden_areas, probed
from mmaction.explain.measures.table import write_json
from mmaction.explain.measures.truth_files import row_of
from mmaction.files import require_writable
from mmaction.text_files import read_csv

JSON_FILE = "shortcuts.json"
TITLE = "What the answers rest on"


def find_shortcuts(
    cfg: Config,
    checkpoint: str | os.PathLike[str],
    *,
    options: EvaluationOptions | None = None,
    explainer: str = "attention",
    groups: str | os.PathLike[str] | None = None,
    group_column: str = "group",
    out: str | os.PathLike[str] | None = None,
    shown: int = 20,
) -> ShortcutReport:
    """Measures what survives of the answers to a config's test set when the action is hidden.

    Args:
        cfg: From ``load_config``.
        checkpoint: Weights of the config's network.
        options: ``videos``, ``seed``, ``ground_truth`` and ``batch_size``.
        explainer: Whose maps mark what is hidden, as ``build_explainer`` takes it.
        groups: A csv file of what each video belongs to, such as its place.
        group_column: Its column that says so; ``clip`` names the video.
        out: Directory for ``shortcuts.json`` and a page of the clips, ranked, each whole and, as
            its second view, without the action.
        shown: How many clips are on the page.

    Raises:
        UserError: For a name, checkpoint, config or data that can't be used.
    """
    marker = build_explainer(explainer)
    options = options or EvaluationOptions()
    known = {}
    if groups is not None:
        column = group_column.lower()
        rows = read_csv(groups, required=("clip", column))
        known = {row["clip"]: row[column] for _, row in rows}
    subject = open_subject(cfg, checkpoint, options)
    names = [subject.name(position) for position in range(len(subject))]
    belongs = [] if groups is None else [row_of(known, name, groups) for name in names]
    if out is not None:
        require_writable(out, name="--out")
    report = ShortcutReport(
        names=names,
        labels=subject.labels,
        answers=ask(subject, marker, seed=options.seed),
        classes=class_names_of(cfg.test_dataloader.dataset, cfg.model.num_classes),
        groups=belongs,
        about=about(cfg, checkpoint, options),
    )
    if out is not None:
        _write_page(report, subject, explainer, marker, Path(out), shown)
        write_json(report.record(), Path(out) / JSON_FILE)
    return report


def _write_page(
    report: ShortcutReport,
    subject: Subject,
    explainer: str,
    marker: Explainer,
    out: Path,
    shown: int,
) -> None:
    """The clips whose answers rest most on the background, each whole and without the action."""
    writer, look = ExplanationWriter(out_dir=out), named_explainers([explainer])
    probe, answers = report.probe, report.answers
    entries = []
    for position in report.ranked()[:shown]:
        item = subject.item(position)
        areas = hidden_areas(subject, position, marker, known=probe == "without_actor")
        without = probed(item["inputs"][0], probe, areas.get(probe))
        views = [
            view
            for inputs in (item["inputs"], *without[:, None])
            for view in explain_item(
                subject.model, {**item, "inputs": inputs}, look, classes=report.classes
            )
        ]
        writer.write(views)
        entry = writer.entries[-1]
        sure = answers.probabilities[probe][position, answers.given[position]]
        entries.append(replace(entry, name=f"{100 * sure:.0f} % without the action: {entry.name}"))
    summary = f"{report.verdict()}. Beside the whole clips (view 1): {PROBES[probe]}."
    write_gallery(out, TITLE, entries=entries, classes=report.classes, summary=summary, ranked=True)
