"""What an evaluation of explainers found: numbers a video, as a table, a CSV and a JSON file."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from mmaction.explain.measures.bootstrap import Interval, bootstrap_mean
from mmaction.files import atomic_path

CHANCE = "chance"


@dataclass(frozen=True)
class MeasureTable:
    """Values of explainers × measures × N videos.

    Attributes:
        videos: What is known of each video: ``name``, ``label``, ``prediction``, ``probability``.
        values: ``values[explainer][measure]``: float, N; NaN where a video has none.
        chance: ``chance[measure]``: likewise, what a map that is the same everywhere gets.
        curves: ``curves[explainer][domain]``: ``{'fractions': S, 'insertion_morf': N×S, …}``.
        stages: ``stages[explainer]``: ``{stage of the cascade: correlation of each video}``.
        intervention: ``{'intact': …, 'spatial_uniform': …}``, each ``correct`` (0 or 1) and
            ``probability`` (of the label), float, N.
        about: Config, checkpoint and its SHA-256, seed, settings.
        notes: What was left out, and why.
        low_is_good: The measures where less is better.
    """

    videos: list[dict[str, Any]]
    values: dict[str, dict[str, np.ndarray]]
    chance: dict[str, np.ndarray] = field(default_factory=dict)
    curves: dict[str, dict[str, dict[str, np.ndarray]]] = field(default_factory=dict)
    stages: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    intervention: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    low_is_good: set[str] = field(default_factory=set)

    def put(self, row: str, measure: str, position: int, value: float) -> None:
        """Sets the value of one video.

        Args:
            row: An explainer, or ``chance``.
            measure: Its name.
            position: Of the video, 0 to N - 1.
            value: NaN where there is none.
        """
        empty = np.full(len(self.videos), np.nan)
        self._row(row).setdefault(measure, empty)[position] = value

    def keep(self, wanted: Sequence[str]) -> None:
        """Keeps these measures alone, in their order."""
        for found in (*self.values.values(), self.chance):
            kept = {measure: found[measure] for measure in wanted if measure in found}
            found.clear()
            found.update(kept)

    def _row(self, name: str) -> dict[str, np.ndarray]:
        return self.chance if name == CHANCE else self.values[name]

    @property
    def measures(self) -> list[str]:
        """Names of the measures, in the order of the table."""
        return list(dict.fromkeys(m for found in self.values.values() for m in found))

    def interval(self, explainer: str, measure: str) -> Interval:
        """The mean of an explainer at a measure; of ``chance`` too."""
        return self._mean(self._row(explainer)[measure])

    def difference(self, first: str, second: str, measure: str) -> Interval:
        """How much an explainer is above another on the videos that have both.

        Args:
            first, second: The explainers.
            measure: What they are compared by.
        """
        return self._mean(self.values[first][measure] - self.values[second][measure])

    def _mean(self, values: np.ndarray) -> Interval:
        return bootstrap_mean(values, seed=self.about.get("seed", 0))

    def text(self) -> str:
        """The tables that a command prints."""
        parts = [self._main_table()] if self.measures else []
        if self.measures and len(self.values) > 1:
            parts.append(self._differences_table())
        if self.intervention:
            parts.append(self._intervention_table())
        return "\n\n".join(parts + self.notes)

    def _main_table(self) -> str:
        columns = [*self.values, *([CHANCE] if self.chance else [])]
        rows = [["mean [95 % interval]", *columns]]
        for measure in self.measures:
            row = [f"{measure} {'↓' if measure in self.low_is_good else '↑'}"]
            for column in columns:
                known = measure in self._row(column)
                row.append(self.interval(column, measure).text() if known else "")
            rows.append(row)
        return aligned(rows)

    def _differences_table(self) -> str:
        first, *others = self.values
        rows = [[f"{first} minus …", *others]]
        for measure in self.measures:
            row = [measure]
            for other in others:
                found = self.difference(first, other, measure)
                row.append(found.text(signed=True) + (" *" if found.clear else "  "))
            rows.append(row)
        return aligned(rows) + "\n* the interval does not hold 0"

    def _intervention_table(self) -> str:
        intact = self.intervention["intact"]
        rows = [["attention replaced", "accuracy", "change", "probability of the label", "change"]]
        for name, found in self.intervention.items():
            row = [name]
            for kind in ("correct", "probability"):
                change = self._mean(found[kind] - intact[kind])
                row.append(self._mean(found[kind]).text())
                row.append("" if name == "intact" else change.text(signed=True))
            rows.append(row)
        return aligned(rows)

    def save(self, folder: Path) -> None:
        """Writes ``table.csv`` and ``results.json``, each whole or not at all."""
        with atomic_path(folder / "table.csv") as path, path.open("w", encoding="utf-8") as file:
            self._write_csv(file)
        write_json(self.record(), folder / "results.json")

    def _write_csv(self, file: TextIO) -> None:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["explainer", "measure", "mean", "low", "high", "videos"])
        flat = {
            f"{name}_{kind}": values
            for name, found in self.intervention.items()
            for kind, values in found.items()
        }
        for row, found in {**self.values, CHANCE: self.chance, "intervention": flat}.items():
            for measure, values in found.items():
                interval = self._mean(values)
                ends = (interval.mean, interval.low, interval.high)
                writer.writerow([row, measure, *(f"{x:.6g}" for x in ends), interval.videos])

    def record(self) -> dict[str, Any]:
        """All of it, for JSON."""
        first, *others = self.values or [""]
        return {
            **self.about,
            "notes": self.notes,
            "videos": self.videos,
            "intervals": {
                name: {m: asdict(self.interval(name, m)) for m in found}
                for name, found in self.values.items()
            },
            "differences": {
                f"{first} - {other}": {
                    m: asdict(self.difference(first, other, m)) for m in self.measures
                }
                for other in others
            },
            "values": self.values,
            "chance": self.chance,
            "intervention": self.intervention,
            "sanity_stages": self.stages,
            "curves": self.curves,
        }


def aligned(rows: list[list[str]]) -> str:
    """Rows of cells as text: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def write_json(content: Any, path: Path) -> None:
    """Writes ``plain`` content to a file, whole or not at all."""
    with atomic_path(path) as draft:
        draft.write_text(json.dumps(plain(content), indent=1) + "\n", encoding="utf-8")


def plain(content: Any) -> Any:
    """``content`` with arrays as lists, numbers rounded to seven digits and NaN as None."""
    if isinstance(content, dict):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, np.ndarray | np.generic):
        return plain(content.tolist())
    if isinstance(content, float):
        return float(f"{content:.7g}") if math.isfinite(content) else None
    return content
