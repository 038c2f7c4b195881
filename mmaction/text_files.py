"""Text, csv and json files of others, read with errors that name the place."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
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


def read_csv(
    path: str | os.PathLike[str], *, required: Sequence[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a csv file with a header, separated by comma, semicolon or tab; no blank ones.

    Args:
        path: The file.
        required: Columns that it has to have, in small letters.

    Yields:
        ``file:line`` and the cells, stripped, by column in small letters.

    Raises:
        DataError: No header, a column that is missing or there twice, or a row that is no csv or
            has other columns than the header.
    """
    text = read_text(path)
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    columns: list[str] = []
    try:
        for row in reader:
            where = f"{os.fspath(path)}:{reader.line_num}"
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if not columns:
                columns = _header(cells, required, where)
            elif len(cells) != len(columns):
                raise DataError(f"{where}: {len(cells)} columns, but the header has {len(columns)}")
            else:
                yield where, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise DataError(f"{os.fspath(path)}:{reader.line_num}: no csv: {error}") from None
    if not columns:
        raise DataError(f"{os.fspath(path)}:1: no header; the first line names the columns")


def _header(cells: list[str], required: Sequence[str], where: str) -> list[str]:
    columns = [cell.lower() for cell in cells]
    for name in required:
        if columns.count(name) != 1:
            problem = "several columns" if name in columns else "no column"
            shown = ", ".join(repr(column) for column in columns)
            raise DataError(f"{where}: {problem} '{name}'; the header has {shown}")
    return columns
