"""Problems of a data set: listed in a file, counted and summed up for a reader."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from mmaction.errors import ConfigError
from mmaction.files import atomic_path, require_writable

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")
FORMATS = (".jsonl", ".json")
_SHOWN = 3


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: Such as ``gap``, the same for all of the kind.
        severity: ``'error'`` breaks or falsifies a run, ``'warning'`` may, ``'note'`` is for
            information.
        file: The file or directory that it is about; empty where there is none to name.
        message: What is wrong.
        split: ``'train'``, ``'val'`` or ``'test'``; empty while a video is looked at by itself.
        video: Its name; empty where the problem is one of the whole list.
        list: The annotation file.
        line: In it, counted from 1; 0 where there is none to name.
    """

    kind: str
    severity: str
    file: str
    message: str
    split: str = ""
    video: str = ""
    list: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = self.file or self.video
        line = f"{self.list}:{self.line}: " if self.line else ""
        return f"{line}{where}: {self.message}" if where else f"{line}{self.message}"


class Problems(list[Problem]):
    """Problems in the order they were found, counted and summed up."""

    def total(self, severity: str) -> int:
        """How many there are of a severity."""
        return sum(problem.severity == severity for problem in self)

    def summary(self) -> Iterator[str]:
        """Lines for a reader: the kinds by severity, how many and the first few of each."""
        for severity in SEVERITIES:
            kinds = Counter(problem.kind for problem in self if problem.severity == severity)
            for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])):
                yield f"{severity:<8}{kind:<20}{count:>9,}"
                of_kind = (p for p in self if (p.severity, p.kind) == (severity, kind))
                for problem in islice(of_kind, _SHOWN):
                    yield f"    {problem.split}: {problem}"
                if count > _SHOWN:
                    yield f"    … and {count - _SHOWN:,} more"


@contextmanager
def collect_problems(out: str | None) -> Iterator[Problems]:
    """Problems, written to ``out`` once the block has ended well: .jsonl, one a line, or .json.

    Raises:
        ConfigError: ``out`` has another suffix or can't be written.
    """
    path = None if out is None else Path(out)
    if path is not None:
        if path.suffix not in FORMATS:
            raise ConfigError(f"--out {out}: expected a name that ends in {' or '.join(FORMATS)}")
        if path.is_dir():
            raise ConfigError(f"--out {out}: is a directory, expected a file name")
        require_writable(path.parent, name="--out")
    yield (problems := Problems())
    if path is not None:
        lines = [json.dumps(asdict(problem)) for problem in problems]
        text = "".join(f"{line}\n" for line in lines)
        if path.suffix == ".json":
            text = "[\n" + ",\n".join(lines) + "\n]\n"
        with atomic_path(path) as draft:
            draft.write_text(text, encoding="utf-8")
