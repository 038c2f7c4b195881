"""What a score file says of the classes: which are taken for which, and how well each is known."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmaction.datasets.class_names import find_classes
from mmaction.errors import ConfigError, UserError
from mmaction.evaluation.confusion import (
    confused_pairs,
    confusion_matrix,
    row_shares,
    worst_classes,
)
from mmaction.evaluation.confusion_figures import confusion_figure, save_figure
from mmaction.evaluation.score_table import ScoreTable
from mmaction.files import atomic_path, require_writable


@dataclass(frozen=True)
class ConfusionReport:
    """What was found.

    Attributes:
        names: K class names.
        matrices: Each branch's confusion matrix, int64 K×K; see ``confusion_matrix``.
    """

    names: tuple[str, ...]
    matrices: dict[str, np.ndarray]

    @property
    def _first(self) -> np.ndarray:
        return next(iter(self.matrices.values()))

    def text(self, worst: int) -> str:
        """What a person reads first: accuracies, and the ``worst`` pairs and classes."""
        total, names = int(self._first.sum()), self.names
        parts = [f"{total} videos, {len(names)} classes"]
        for branch, matrix in self.matrices.items():
            right = int(np.trace(matrix))
            parts.append(f"\n{branch} branch: {right} right, {100 * right / total:.2f} %")
            pairs, shares = confused_pairs(matrix), row_shares(matrix)
            parts += _table(
                f"confused pairs: {len(pairs)}, the worst",
                ("videos", "of class", "true class → answer"),
                [
                    (matrix[a, b], f"{100 * shares[a, b]:.1f} %", f"{names[a]} → {names[b]}")
                    for a, b in pairs[:worst]
                ],
            )
        videos = self._first.sum(axis=1)
        accuracies = [row_shares(matrix).diagonal() for matrix in self.matrices.values()]
        known = [label for label in worst_classes(self._first) if videos[label]]
        parts += _table(
            f"\nclasses with videos: {len(known)}, the worst",
            ("videos", *self.matrices, "class"),
            [
                (
                    videos[label],
                    *(f"{100 * each[label]:.1f} %" for each in accuracies),
                    names[label],
                )
                for label in known[:worst]
            ],
        )
        return "\n".join(parts)

    def save(self, folder: str | os.PathLike[str], *, source: str) -> None:
        """Writes tables and pictures; each file whole or not at all.

        They are ``confusion_matrix.<branch>.png`` and ``.csv``, ``worst_pairs.<branch>.csv``,
        ``per_class_accuracy.csv``.

        Args:
            folder: Where to.
            source: Where the scores are from, for the titles.

        Raises:
            ConfigError: ``folder`` can't be written to.
        """
        require_writable(folder, name="--out")
        folder, names = Path(folder), self.names
        for branch, matrix in self.matrices.items():
            title = f"{source}, {branch} branch: {np.trace(matrix)} of {matrix.sum()} videos right"
            figure = confusion_figure(matrix, names, title)
            save_figure(figure, folder / f"confusion_matrix.{branch}.png")
            _write_csv(
                folder / f"confusion_matrix.{branch}.csv",
                ["true class \\ answer", *names],
                ([name, *row] for name, row in zip(names, matrix, strict=True)),
            )
            shares = row_shares(matrix)
            _write_csv(
                folder / f"worst_pairs.{branch}.csv",
                ("label", "class", "prediction", "answer", "videos", "share_of_class"),
                (
                    (a, names[a], b, names[b], matrix[a, b], f"{shares[a, b]:.6g}")
                    for a, b in confused_pairs(matrix)
                ),
            )
        columns = [f"{branch}_{name}" for branch in self.matrices for name in ("right", "accuracy")]
        _write_csv(
            folder / "per_class_accuracy.csv",
            ("label", "class", "videos", *columns),
            map(self._class_row, worst_classes(self._first)),
        )

    def _class_row(self, label: int) -> list[Any]:
        videos = self._first[label].sum()
        row: list[Any] = [label, self.names[label], videos]
        for right in (matrix[label, label] for matrix in self.matrices.values()):
            row += [right, f"{right / videos:.6g}" if videos else ""]
        return row


def confusion_report(
    scores: str | os.PathLike[str], *, classes: str | os.PathLike[str] | None = None
) -> ConfusionReport:
    """Reads a score file of ``tools/test_recognizer.py --out``.

    Args:
        scores: The ``.pkl``.
        classes: File with one class name a line; None: classes go by their numbers.

    Raises:
        UserError: A file that can't be read or used, scores without labels, or a number of class
            names that is not the scores'.
    """
    table = ScoreTable.load(scores)
    if not table.labelled:
        missing = int((table.labels < 0).sum())
        raise UserError(
            f"{scores}: {missing} of {len(table.labels)} videos have no label; confusions can be "
            "told only where the annotation names the true classes"
        )
    if table.label_sets is not None:
        raise UserError(f"{scores}: videos have several labels; confusions can be told of one each")
    count = table.scores.shape[1]
    names = find_classes(classes, "") if classes is not None else None
    if names is not None and len(names) != count:
        raise ConfigError(f"--classes {classes}: {len(names)} names, but scores of {count} classes")
    matrices = {
        branch: confusion_matrix(values, table.labels) for branch, values in table.branches.items()
    }
    return ConfusionReport(names or tuple(f"class {n}" for n in range(count)), matrices)


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lines under a title, numbers to the right, the last column as it is; none without rows."""
    lines = ["".join(f"{c!s:>12}" for c in row[:-1]) + f"  {row[-1]}" for row in (header, *rows)]
    return [f"{title}:", *lines] if rows else []


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
