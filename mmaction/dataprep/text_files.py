"""Text, csv and json files of others, read with errors that name the place."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from typing import Any

from mmaction.errors import DataError
from mmaction.files import read_text


def numbered_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, stripped, with their numbers from 1."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield number, line.strip()


def read_json(path: str | os.PathLike[str]) -> Any:
    """A json file's value.

    Raises:
        DataError: It can't be read or is no json; names line and column.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{os.fspath(path)}:{error.lineno}"
        raise DataError(f"{where}: no json at column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise DataError(f"{os.fspath(path)}: no json: nested too deeply") from None


class Rows:
    """Rows of a csv file with a header, which may be separated by comma, semicolon or tab.

    Attributes:
        path: The file.
        columns: Names of the columns, small letters.

    Raises:
        DataError: The file can't be read or has no header.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        text = read_text(path)
        header = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=header.count)
        self._reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        self.columns = [name.strip().lower() for name in self._next() or []]
        if not any(self.columns):
            raise DataError(f"{self.path}:1: no header; the first line names the columns")

    def column(self, *names: str, required: bool = True) -> int | None:
        """Position of the column that has one of these names; None: there is none.

        Raises:
            DataError: It is required and missing, or several have one of the names.
        """
        positions = [i for i, name in enumerate(self.columns) if name in names]
        if len(positions) > 1:
            shown = ", ".join(repr(self.columns[i]) for i in positions)
            raise DataError(f"{self.path}:1: several columns could be '{names[0]}': {shown}")
        if not positions and required:
            shown = ", ".join(repr(name) for name in self.columns)
            raise DataError(f"{self.path}:1: no column '{names[0]}'; the header has {shown}")
        return positions[0] if positions else None

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Rows that are not blank, their cells stripped, with the line they end on.

        Raises:
            DataError: A row that is no csv or has other columns than the header.
        """
        while (row := self._next()) is not None:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if len(cells) != len(self.columns):
                raise DataError(
                    f"{self.path}:{self._reader.line_num}: {len(cells)} columns,"
                    f" but the header has {len(self.columns)}"
                )
            yield self._reader.line_num, cells

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            raise DataError(f"{self.path}:{self._reader.line_num}: no csv: {error}") from None
