from __future__ import annotations

from pathlib import Path

import cv2

from mmaction.explain.measures.plots import write_plots
from mmaction.explain.measures.table import MeasureTable


def test_each_explainer_is_in_each_picture(table: MeasureTable, tmp_path: Path) -> None:
    write_plots(table, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"curves_joint.png", "sanity.png"}
    blue = (0xB2, 0x72, 0x00)  # of the first explainer, BGR
    for path in tmp_path.iterdir():
        assert (cv2.imread(str(path)) == blue).all(axis=2).sum() > 200


def test_nothing_is_drawn_where_nothing_is_known(tmp_path: Path) -> None:
    write_plots(MeasureTable(videos=[], values={}), tmp_path)
    assert not list(tmp_path.iterdir())
