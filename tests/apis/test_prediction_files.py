from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mmaction.apis.prediction_files import bad_row, write_table


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_names_of_files_need_not_be_utf_8(suffix: str, tmp_path: Path) -> None:
    name = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")  # as Linux gives a Latin-1 name
    out = tmp_path / f"table{suffix}"
    write_table(out, [bad_row(name, "is no video")], top=1)
    text = out.read_text(encoding="utf-8")
    (row,) = json.loads(text) if suffix == ".json" else csv.DictReader(text.splitlines())
    assert row["path"] == "caf\\udce9.mp4"
