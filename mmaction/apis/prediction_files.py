"""Predictions on disk: rows as they come, and the table of all of them at the end."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from mmaction.errors import ConfigError, UserError
from mmaction.files import DirectoryLock, atomic_path, require_writable

FORMATS = (".csv", ".json", ".parquet")
UNFINISHED = ".unfinished"  # behind the name of the table
_SETTINGS = "settings.json"


class Row(TypedDict):
    """What is said of a video.

    ``top`` has the most probable classes and their probabilities, the first of them being ``label``
    and ``probability``; ``seconds`` when the ``frames`` are shown, None where the rate isn't known.
    Of a video that can't be read all is None but ``path`` and ``error``.
    """

    path: str
    label: str | None
    probability: float | None
    top: list[tuple[str, float]] | None
    frames: list[int] | None
    seconds: list[float] | None
    error: str | None


def bad_row(path: str, error: str) -> Row:
    """Of a video that can't be read."""
    return Row(
        path=path, label=None, probability=None, top=None, frames=None, seconds=None, error=error
    )


def check_table(out: Path) -> None:
    """Refuses a table that can't be written, before any work.

    Raises:
        ConfigError: Its suffix is none of ``FORMATS``, pyarrow is missing, or its directory can't
            be written to.
    """
    if out.suffix not in FORMATS or out.is_dir():
        raise ConfigError(f"--out {out}: expected a file's name that ends in {', '.join(FORMATS)}")
    if out.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ConfigError(f"--out {out} needs pyarrow: pip install pyarrow")
    require_writable(out.absolute().parent, name="--out")


class Rows:
    """Rows as they come: a directory beside the table, in which each process has a file of its own.

    A row counts once its line is whole; whatever a killed process left behind it is cut off.

    Args:
        out: The table.
        rank: Of this process.
    """

    def __init__(self, out: Path, *, rank: int = 0) -> None:
        self.folder = out.with_name(out.name + UNFINISHED)
        self._own = self.folder / f"rows_{rank:05d}.jsonl"
        self._lock: DirectoryLock | None = None

    def begin(self, settings: Mapping[str, str]) -> None:
        """Begins, or goes on with what an interrupted command has left; the first process alone.

        Args:
            settings: What rows follow from.

        Raises:
            UserError: Another command is at it, or the rows were made by other settings.
        """
        self.folder.mkdir(exist_ok=True)
        self._lock = DirectoryLock(self.folder, doing="is predicting")
        path = self.folder / _SETTINGS
        if not path.exists():
            with atomic_path(path) as temporary:
                temporary.write_text(json.dumps(dict(settings)))
            return
        before = json.loads(path.read_text())
        for key, value in settings.items():
            if before.get(key) != value:
                raise UserError(
                    f"'{self.folder}' has the rows of an interrupted command with {key}"
                    f" {before.get(key)}, not {value}: give the same model and options to go on, or"
                    " delete it to begin anew"
                )

    def read(self) -> dict[str, Row]:
        """All rows that there are, by path."""
        found: dict[str, Row] = {}
        for file in sorted(self.folder.glob("rows_*.jsonl")):
            for line in file.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):
                    row: Row = json.loads(line)
                    found.setdefault(row["path"], row)
        return found

    def add(self, rows: Iterable[Row]) -> None:
        """Writes rows behind those of this process."""
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        with open(self._own, "a+b") as file:
            _cut_after_last_line(file)
            file.write(text)

    def finish(self) -> None:
        """Removes the rows, once they are in the table."""
        shutil.rmtree(self.folder)
        if self._lock is not None:
            self._lock.release()


def _cut_after_last_line(file: Any) -> None:
    end = size = file.seek(0, os.SEEK_END)
    while end > 0:
        file.seek(end - 1)
        if file.read(1) == b"\n":
            break
        end -= 1
    if end < size:
        file.truncate(end)


def write_table(out: Path, rows: Sequence[Row], *, top: int) -> None:
    """Writes rows as a table, whole or not at all.

    Args:
        out: ``.csv``, ``.json`` (a list, a row a line) or ``.parquet``.
        rows: In order.
        top: How many classes a row of a csv has columns for.
    """
    # Names of files need not be UTF-8.
    rows = [
        {**row, "path": row["path"].encode("utf-8", "backslashreplace").decode()} for row in rows
    ]
    with atomic_path(out) as path:
        if out.suffix == ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(_cells(rows, top))
        elif out.suffix == ".json":
            lines = (json.dumps(row, ensure_ascii=False) for row in rows)
            path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
        else:
            _write_parquet(path, rows)


def _cells(rows: Sequence[Row], top: int) -> Iterator[list[Any]]:
    """``label`` and ``probability``, then ``label_2`` …; frames and seconds as words."""
    more = [f"{name}_{k}" for k in range(2, top + 1) for name in ("label", "probability")]
    yield ["path", "label", "probability", *more, "frames", "seconds", "error"]
    for row in rows:
        classes: list[Any] = [value for pair in row["top"] or () for value in pair]
        classes += [""] * (2 * top - len(classes))
        lists = [" ".join(map(str, row[key] or ())) for key in ("frames", "seconds")]
        yield [row["path"], *classes, *lists, row["error"] or ""]


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow
    import pyarrow.parquet

    pair = pyarrow.struct([("label", pyarrow.string()), ("probability", pyarrow.float64())])
    schema = pyarrow.schema(
        [
            ("path", pyarrow.string()),
            ("label", pyarrow.string()),
            ("probability", pyarrow.float64()),
            ("top", pyarrow.list_(pair)),
            ("frames", pyarrow.list_(pyarrow.int64())),
            ("seconds", pyarrow.list_(pyarrow.float64())),
            ("error", pyarrow.string()),
        ]
    )
    named = [
        {**row, "top": row["top"] and [dict(label=k, probability=p) for k, p in row["top"]]}
        for row in rows
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(named, schema=schema), path)
