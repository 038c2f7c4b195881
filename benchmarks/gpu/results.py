"""What is done so far: ``results.json`` and the same as tables, ``results.md``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gpu.parts import PARTS, Row


@dataclass
class Outcome:
    """What came of a part.

    Attributes:
        status: done, failed, skipped (something isn't installed), timed out, or no time left.
        seconds: It took.
        note: Why, where it isn't done.
        rows: Those that were measured, also of a part that did not end.
    """

    status: str
    seconds: float = 0.0
    note: str = ""
    rows: list[Row] = field(default_factory=list)


class Results:
    """Outcomes by part, kept in a directory.

    Args:
        directory: Made where it is missing; what it has is gone on from.
        device: What the results are of; those of another device are an error.

    Raises:
        ValueError: The directory has results of another device, or none that can be read.
    """

    def __init__(self, directory: Path, *, device: str) -> None:
        self.directory, self.device = directory, device
        self.outcomes: dict[str, Outcome] = {}
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "results.json"
        if not path.exists():
            return
        try:
            kept = json.loads(path.read_text())
            self.outcomes = {n: Outcome(**o) for n, o in kept["parts"].items() if n in PARTS}
        except (ValueError, KeyError, TypeError) as e:
            raise ValueError(f"{path} can't be read ({e}): give another --out") from e
        if kept["device"] != device:
            raise ValueError(f"{path} is of --device {kept['device']}: give another --out")

    def unfinished(self) -> list[str]:
        """Parts that are still to do: those never begun, then those that ran out of time."""
        status = {name: self.outcomes[name].status for name in PARTS if name in self.outcomes}
        never = [name for name in PARTS if status.get(name, "no time left") == "no time left"]
        return never + [name for name in PARTS if status.get(name) == "timed out"]

    def add(self, name: str, outcome: Outcome) -> None:
        """Keeps an outcome, in both files at once."""
        self.outcomes[name] = outcome
        ordered = {part: self.outcomes[part] for part in PARTS if part in self.outcomes}
        kept = {"device": self.device, "parts": {n: asdict(o) for n, o in ordered.items()}}
        _replace(self.directory / "results.json", json.dumps(kept, indent=1, ensure_ascii=False))
        sections = [_section(part, o) for part, o in ordered.items()]
        small = "Tried on a CPU, all sizes small: no figure here says anything.\n\n"
        head = small if self.device == "cpu" else ""
        _replace(self.directory / "results.md", head + "\n".join(sections))


def _replace(path: Path, text: str) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_text(text)
    os.replace(temporary, path)


def _section(name: str, outcome: Outcome) -> str:
    note = f": {outcome.note}" if outcome.note else ""
    head = f"## {name}: {PARTS[name].about}\n\n{outcome.status} in {outcome.seconds:.0f} s{note}\n"
    columns = list(dict.fromkeys(key for row in outcome.rows for key in row))
    if not columns:
        return head
    lines = [columns, ["---"] * len(columns)]
    lines += [[_cell(row.get(key)) for key in columns] for row in outcome.rows]
    return head + "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return " ".join(text.replace("|", "\\|").split())
