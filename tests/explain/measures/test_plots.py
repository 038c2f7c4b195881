from __future__ import annotations

from pathlib import Path

import cv2

from mmaction.explain.measures.plots import write_plots
from mmaction.explain.measures.table import MeasureTable


def test_the_pictures_are_there(table: MeasureTable, tmp_path: Path) -> None:
    written = write_plots(table, tmp_path)
    assert [path.name for path in written] == ["curves_joint.png", "sanity.png"]
    for path in written:
        assert path.read_bytes()[:4] == b"\x89PNG"
    assert len(list(tmp_path.iterdir())) == 2


def test_there_is_something_in_them(table: MeasureTable, tmp_path: Path) -> None:
    """Each explainer's colour is in each picture; nothing is drawn where nothing is known."""
    curves, cascade = (cv2.imread(str(path)) for path in write_plots(table, tmp_path))
    blue = (0xB2, 0x72, 0x00)  # of the first explainer, BGR
    for picture in (curves, cascade):
        assert (picture == blue).all(axis=2).sum() > 200
    empty = MeasureTable(videos=[], values={})
    assert write_plots(empty, tmp_path) == []
