"""Problems of a data set: told one by one to a file, counted and summed up for a reader."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from mmaction.datacheck.findings import SEVERITIES
from mmaction.errors import ConfigError
from mmaction.files import atomic_path, require_writable

FORMATS = (".jsonl", ".json")
_SHOWN = 3


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        split: ``'train'``, ``'val'`` or ``'test'``.
        severity: See :class:`~mmaction.datacheck.findings.Finding`.
        kind: Such as ``'gap'``.
        message: What is wrong.
        video: Its name; empty where the problem is one of the whole list.
        list: The annotation file.
        line: In it, counted from 1; 0 where there is none to name.
        file: The file or directory that it is about.
    """

    split: str
    severity: str
    kind: str
    message: str
    video: str = ""
    list: str = ""
    line: int = 0
    file: str = ""

    def __str__(self) -> str:
        where = self.file or self.video
        line = f"{self.list}:{self.line}: " if self.line else ""
        return f"{line}{where}: {self.message}" if where else f"{line}{self.message}"


@dataclass
class Problems:
    """Takes problems as they come; keeps how many there are of each kind, and the first few.

    Attributes:
        counts: By severity and kind.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _first: dict[tuple[str, str], list[Problem]] = field(default_factory=dict)
    _file: TextIO | None = None
    _as_array: bool = False

    def add(self, problem: Problem) -> None:
        """Count a problem and write it down."""
        key = problem.severity, problem.kind
        self.counts[key] += 1
        first = self._first.setdefault(key, [])
        if len(first) < _SHOWN:
            first.append(problem)
        if self._file is not None:
            text = json.dumps(asdict(problem))
            separator = "" if self.counts.total() == 1 or not self._as_array else ",\n"
            self._file.write(separator + text + ("" if self._as_array else "\n"))

    def total(self, severity: str) -> int:
        """How many there are of a severity."""
        return sum(count for (of, _), count in self.counts.items() if of == severity)

    def summary(self) -> Iterator[str]:
        """Lines for a reader: the kinds by severity, how many and the first few of each."""
        for severity in SEVERITIES:
            kinds = sorted(
                (kind for of, kind in self.counts if of == severity),
                key=lambda kind: (-self.counts[severity, kind], kind),
            )
            for kind in kinds:
                count = self.counts[severity, kind]
                yield f"{severity:<8}{kind:<20}{count:>9,}"
                for problem in self._first[severity, kind]:
                    yield f"    {problem.split}: {problem}"
                if count > _SHOWN:
                    yield f"    … and {count - _SHOWN:,} more"


@contextmanager
def collect_problems(out: str | None) -> Iterator[Problems]:
    """Problems, written to ``out`` as they come: .jsonl, one a line, or .json, an array.

    The file is there once the block has ended well, and not before.

    Raises:
        ConfigError: ``out`` has another suffix or can't be written.
    """
    if out is None:
        yield Problems()
        return
    path = Path(out)
    if path.suffix not in FORMATS:
        raise ConfigError(f"--out {out}: expected a name that ends in {' or '.join(FORMATS)}")
    if path.is_dir():
        raise ConfigError(f"--out {out}: is a directory, expected a file name")
    require_writable(path.parent, name="--out")
    as_array = path.suffix == ".json"
    with atomic_path(path) as draft, draft.open("w", encoding="utf-8") as file:
        file.write("[\n" if as_array else "")
        yield Problems(_file=file, _as_array=as_array)
        file.write("\n]\n" if as_array else "")
