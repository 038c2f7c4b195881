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
from mmaction.evaluation.class_accuracy import ClassAccuracy, class_accuracies
from mmaction.evaluation.class_accuracy_figure import class_accuracy_figure
from mmaction.evaluation.confusion import ConfusedPair, confused_pairs, confusion_matrix
from mmaction.evaluation.confusion_figure import confusion_figure
from mmaction.evaluation.figures import save_figure
from mmaction.evaluation.score_table import ScoreTable
from mmaction.files import atomic_path, require_writable

BRANCHES = ("perception", "attention")


@dataclass(frozen=True)
class ConfusionReport:
    """What was found.

    Attributes:
        names: K class names.
        matrices: Each branch's confusion matrix, int64 K×K; see ``confusion_matrix``.
        classes: Every class's accuracy, the worst first; see ``class_accuracies``.
    """

    names: tuple[str, ...]
    matrices: dict[str, np.ndarray]
    classes: list[ClassAccuracy]

    @property
    def videos(self) -> int:
        """How many videos the scores are of."""
        return int(next(iter(self.matrices.values())).sum())

    def text(self, worst: int) -> str:
        """What a person reads first: accuracies, and the ``worst`` pairs and classes."""
        parts = [f"{self.videos} videos, {len(self.names)} classes"]
        for branch, matrix in self.matrices.items():
            right = int(np.trace(matrix))
            parts.append(f"\n{branch} branch: {right} right, {100 * right / self.videos:.2f} %")
            parts += _table(
                f"of {_number(confused_pairs(matrix), 'confused pair')}, the worst",
                ("videos", "of class", "true class → answer"),
                (
                    (pair.videos, f"{100 * pair.share:.1f} %", self._pair(pair))
                    for pair in confused_pairs(matrix)[:worst]
                ),
            )
        branches = tuple(self.matrices)
        known = [one for one in self.classes if one.videos]
        parts += _table(
            f"\nof {_number(known, 'class')} with videos, the worst",
            ("videos", *branches, "class"),
            ((one.videos, *self._shares(one), self.names[one.label]) for one in known[:worst]),
        )
        return "\n".join(parts)

    def _pair(self, pair: ConfusedPair) -> str:
        return f"{self.names[pair.label]} → {self.names[pair.prediction]}"

    def _shares(self, one: ClassAccuracy) -> list[str]:
        return [f"{100 * (one.accuracy(branch) or 0):.1f} %" for branch in one.right]

    def save(self, folder: str | os.PathLike[str], *, source: str) -> list[Path]:
        """Writes tables and pictures; each file whole or not at all.

        Args:
            folder: Where to.
            source: Where the scores are from, for the titles.

        Returns:
            ``confusion_matrix.<branch>.png`` and ``.csv``, ``worst_pairs.<branch>.csv``,
            ``per_class_accuracy.png`` and ``.csv``.
        """
        written = []

        def path(name: str) -> Path:
            written.append(Path(folder) / name)
            return written[-1]

        for branch, matrix in self.matrices.items():
            title = f"{source}, {branch} branch: {np.trace(matrix)} of {self.videos} videos right"
            figure = confusion_figure(matrix, self.names, title)
            save_figure(figure, path(f"confusion_matrix.{branch}.png"))
            header = ["true class \\ answer", *self.names]
            rows = [[name, *row] for name, row in zip(self.names, matrix.tolist(), strict=True)]
            _write_csv(path(f"confusion_matrix.{branch}.csv"), header, rows)
            _write_csv(
                path(f"worst_pairs.{branch}.csv"),
                ("label", "class", "prediction", "answer", "videos", "share_of_class"),
                map(self._pair_row, confused_pairs(matrix)),
            )
        title = f"{source}: share of each class's videos that is right, worst first"
        figure = class_accuracy_figure(self.classes, self.names, title)
        save_figure(figure, path("per_class_accuracy.png"))
        header = ["label", "class", "videos"]
        header += [f"{b}_{column}" for b in self.matrices for column in ("right", "accuracy")]
        _write_csv(path("per_class_accuracy.csv"), header, map(self._class_row, self.classes))
        return written

    def _pair_row(self, pair: ConfusedPair) -> list[Any]:
        truth, answer = self.names[pair.label], self.names[pair.prediction]
        return [pair.label, truth, pair.prediction, answer, pair.videos, f"{pair.share:.6g}"]

    def _class_row(self, one: ClassAccuracy) -> list[Any]:
        row: list[Any] = [one.label, self.names[one.label], one.videos]
        for branch, right in one.right.items():
            accuracy = one.accuracy(branch)
            row += [right, "" if accuracy is None else f"{accuracy:.6g}"]
        return row


def confusion_report(
    scores: str | os.PathLike[str],
    *,
    classes: str | os.PathLike[str] | None = None,
    branch: str | None = None,
) -> ConfusionReport:
    """Reads a score file of ``tools/test_recognizer.py --out``.

    Args:
        scores: The ``.pkl``.
        classes: File with one class name a line; None: classes go by their numbers.
        branch: ``'perception'`` or ``'attention'``; None: all there are.

    Raises:
        UserError: A file that can't be read or used, scores without labels, a number of class names
            that is not the scores', or a branch that there is none of.
    """
    table = read_scores(scores)
    if branch is not None and branch not in BRANCHES:
        raise ConfigError(f"branch {branch!r}: expected one of {', '.join(BRANCHES)}")
    if not table.labelled:
        missing = int((table.labels < 0).sum())
        raise UserError(
            f"{scores}: {missing} of {len(table.labels)} videos have no label; confusions can be "
            "told only where the annotation names the true classes"
        )
    count = table.scores.shape[1]
    names = find_classes(classes, "") if classes is not None else None
    if names is not None and len(names) != count:
        raise ConfigError(f"--classes {classes}: {len(names)} names, but scores of {count} classes")
    found = {"perception": table.scores, "attention": table.attention_scores}
    if branch is not None and found[branch] is None:
        raise ConfigError(
            f"--branch {branch}: {scores} holds no scores of it; plain recognizers have no "
            "attention branch"
        )
    matrices = {
        name: confusion_matrix(values, table.labels)
        for name, values in found.items()
        if values is not None and branch in (None, name)
    }
    names = names or tuple(f"class {label}" for label in range(count))
    return ConfusionReport(names, matrices, class_accuracies(matrices))


def read_scores(path: str | os.PathLike[str]) -> ScoreTable:
    """Reads a score file and makes sure that its parts belong together.

    Raises:
        UserError: It is missing, no score file, or empty.
    """
    try:
        table = ScoreTable.load(path)
    except OSError as e:
        raise UserError(f"{path}: can't be read: {e.strerror}") from e
    arrays = [table.scores, table.labels]
    arrays += [] if table.attention_scores is None else [table.attention_scores]
    shapes = [np.shape(array) for array in arrays]
    videos = len(table.names)
    if not (
        all(isinstance(array, np.ndarray) for array in arrays)
        and len(shapes[0]) == 2
        and videos > 0
        and shapes[1] == (videos,)
        and all(shape == (videos, shapes[0][1]) for shape in shapes[::2])
    ):
        raise UserError(f"{path}: holds no scores of videos, or ones that don't fit their labels")
    return table


def default_folder(scores: str | os.PathLike[str]) -> Path:
    """``results/scores_confusion`` for ``results/scores.pkl``."""
    path = Path(scores)
    return path.with_name(f"{path.stem}_confusion")


def require_folder(folder: str | os.PathLike[str]) -> None:
    """Makes sure that files can be written to ``folder`` before work is done for them."""
    require_writable(folder, name="--out")


def _number(things: Sequence[Any], noun: str) -> str:
    if len(things) == 1:
        return f"1 {noun}"
    return f"{len(things)} {noun}{'es' if noun.endswith('s') else 's'}"


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Lines under a title, numbers to the right, the last column as it is; none without rows."""

    def line(row: Sequence[Any]) -> str:
        return "".join(f"{cell:>12}" for cell in row[:-1]) + f"  {row[-1]}"

    lines = [line(row) for row in rows]
    return [f"{title}:", line(header), *lines] if lines else []


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
