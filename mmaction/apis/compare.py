"""Trainings side by side: how well, how large, how fast, and how true their explanations are."""

from __future__ import annotations

import ast
import csv
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from mmengine.config import Config

from mmaction.apis.complexity import recognizer_complexity
from mmaction.apis.run_record import FILE, Curves, read_logs
from mmaction.checkpoint.description import describe
from mmaction.errors import ConfigError, UserError
from mmaction.explain.measures.table import aligned
from mmaction.files import atomic_path
from mmaction.inference import require_harmless
from mmaction.text_files import read_json

Row = dict[str, str]  # fact → value, for what a run has
UNKNOWN = "-"
METRICS = ("top1", "mAP")
# In this order; measures of the explanations follow.
FACTS = (
    "run",
    "network",
    "scores of",
    "perception %",
    "attention %",
    "chance %",
    "parameters M",
    "GMAC a clip",
    "trained on",
    "clips a second",
    "memory MB",
    "training minutes",
    "explained by",
)


def compare(work_dirs: Sequence[str | os.PathLike[str]]) -> list[Row]:
    """What trainings have recorded of themselves, and left by tests and evaluations below them.

    Scores are a test's, of the newest ``.metrics.json``, else those of the epoch that did best in
    validation. Clips a second and minutes are those of the training's steps, validation left out.

    Args:
        work_dirs: Of the trainings.

    Returns:
        A row a run. What a run lacks is not in it.

    Raises:
        UserError: A directory without a training's record, or a file there that is damaged.
    """
    return [_row(Path(work_dir)) for work_dir in work_dirs]


def _row(work_dir: Path) -> Row:
    path = _newest(work_dir, f"*/{FILE}")
    if path is None:
        raise UserError(f"{work_dir}: no training's work_dir; expected {work_dir}/<date>/{FILE}")
    record = read_json(path)
    try:
        cfg = sections_of(record["config"])
        hardware, processes = record["hardware"], int(record["processes"])
        on = hardware["gpus"][0]["name"] if hardware["gpus"] else hardware["processor"]
        batch = processes * cfg["train_dataloader"]["batch_size"]
        model = cfg["model"]
        network = f"{model['type']}, {model['backbone']['type']}"
    except (KeyError, TypeError, ValueError, SyntaxError) as e:
        raise UserError(f"{path}: no record of a training ({type(e).__name__}: {e})") from e
    logs: Curves = {}
    with suppress(UserError):  # it has logged nothing yet
        logs = read_logs(work_dir)
    return {
        "run": os.fspath(work_dir),
        "network": network,
        **_scores(work_dir, logs, model.get("num_classes")),
        **_sizes(cfg, path),
        "trained on": f"{processes} × {on}",
        **_costs(logs, batch),
        **_measures(work_dir),
    }


def sections_of(text: str) -> dict[str, Any]:
    """The sections of a config as a run writes it down; nothing in it is run.

    Args:
        text: Assignments of literals, with ``dict(key=…)`` among them.

    Raises:
        SyntaxError, ValueError: It is something else.
    """
    tree = _Literals().visit(ast.parse(text))
    return {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


class _Literals(ast.NodeTransformer):
    """``dict(key=value)`` as ``{"key": value}``."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != "dict" or node.args:
            return node
        keys = [ast.Constant(each.arg) if each.arg else None for each in node.keywords]
        return ast.Dict([*keys], [each.value for each in node.keywords])


def _newest(work_dir: Path, *patterns: str) -> Path | None:
    found = [path for pattern in patterns for path in work_dir.glob(pattern)]
    return max(found, key=lambda path: (path.stat().st_mtime, path), default=None)


def _scores(work_dir: Path, logs: Curves, num_classes: int | None) -> Row:
    tested = _newest(work_dir, "*.metrics.json", "*/*.metrics.json")
    found: Mapping[str, float] = {}
    if tested is not None:
        found, split = read_json(tested), "test"
    else:
        name = next((f"perception/{m}" for m in METRICS if f"perception/{m}" in logs), None)
        if name is not None:
            best = max(logs[name], key=logs[name].__getitem__)
            found = {key: curve[best] for key, curve in logs.items() if best in curve}
            split = f"validation, epoch {best}"
    metric = next((m for m in METRICS if f"perception/{m}" in found), None)
    if metric is None:
        return {}
    row = {"scores of": f"{split}, {metric}"}
    for branch in ("perception", "attention"):
        if f"{branch}/{metric}" in found:
            row[f"{branch} %"] = f"{100 * found[f'{branch}/{metric}']:.1f}"
    if num_classes and metric == "top1":
        row["chance %"] = f"{100 / num_classes:.1f}"
    return row


def _sizes(cfg: dict[str, Any], path: Path) -> Row:
    """Nothing where the network has parts that this package doesn't know."""
    try:
        said = describe(cfg, None)
        require_harmless(said, path)
        loader = dict(dataset=dict(pipeline=said.pipeline))
        _, parts = recognizer_complexity(Config(dict(model=said.model, test_dataloader=loader)))
    except UserError:
        return {}
    return {
        "parameters M": f"{parts[0].parameters / 1e6:.4g}",
        "GMAC a clip": f"{parts[0].macs / 1e9:.3g}",
    }


def _costs(logs: Curves, batch: int) -> Row:
    row = {}
    times = logs.get("time", {})
    if times:
        steps = sorted(times)
        before = [0, *steps[:-1]]
        seconds = sum((s - b) * times[s] for s, b in zip(steps, before, strict=True))
        row["clips a second"] = f"{batch / median(times.values()):.1f}"
        row["training minutes"] = f"{seconds / 60:.3g}"
    if logs.get("memory"):
        row["memory MB"] = f"{max(logs['memory'].values()):.0f}"
    return row


def _measures(work_dir: Path) -> Row:
    path = _newest(work_dir, "results.json", "*/results.json", "*/*/results.json")
    found = {} if path is None else read_json(path).get("intervals", {})
    if not found:
        return {}
    explainer = "attention" if "attention" in found else next(iter(found))
    means = {measure: interval["mean"] for measure, interval in found[explainer].items()}
    known = {measure: f"{mean:.3f}" for measure, mean in means.items() if mean is not None}
    return {"explained by": explainer, **known}


def _table(rows: Sequence[Row]) -> list[list[str]]:
    """A header, and a line a run."""
    facts = dict.fromkeys([*FACTS, *(fact for row in rows for fact in row)])
    return [[*facts], *([row.get(fact, UNKNOWN) for fact in facts] for row in rows)]


def as_text(rows: Sequence[Row]) -> str:
    """A line a fact, a column a run."""
    return aligned([[*line] for line in zip(*_table(rows), strict=True)])


def save(rows: Sequence[Row], out: str | os.PathLike[str]) -> None:
    """Writes a line a run, whole or not at all.

    Args:
        rows: From ``compare``.
        out: ``.csv`` or ``.md``.

    Raises:
        ConfigError: Another suffix.
    """
    suffix = Path(out).suffix
    if suffix not in (".csv", ".md"):
        raise ConfigError(f"--out {out}: expected .csv or .md")
    table = _table(rows)
    with atomic_path(out) as path, path.open("w", encoding="utf-8", newline="") as file:
        if suffix == ".csv":
            csv.writer(file, lineterminator="\n").writerows(table)
        else:
            table.insert(1, ["---"] * len(table[0]))
            file.writelines(f"| {' | '.join(line)} |\n" for line in table)
