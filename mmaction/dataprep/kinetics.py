"""Kinetics: a csv with ``label,youtube_id,time_start,time_end,split`` for each split."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mmaction.dataprep.listing import Entry
from mmaction.errors import DataError
from mmaction.text_files import read_csv

_SECONDS = re.compile(r"\d{1,9}(\.\d*)?", re.ASCII)


def read_split(path: str) -> Iterator[Entry]:
    """A split's videos, which are called ``<id>_<start>_<end>``, six digits each.

    Raises:
        DataError: A column is missing or a row can't be right.
    """
    for where, cells in read_csv(path, required=("youtube_id", "time_start", "time_end")):
        for column in ("time_start", "time_end"):
            if not _SECONDS.fullmatch(cells[column]):
                raise DataError(f"{where}: {column} '{cells[column]}' is no number")
        if not cells["youtube_id"]:
            raise DataError(f"{where}: no youtube_id")
        start, end = (round(float(cells[column])) for column in ("time_start", "time_end"))
        name = f"{cells['youtube_id']}_{start:06d}_{end:06d}"
        yield Entry(name, cells.get("label") or None, where)
