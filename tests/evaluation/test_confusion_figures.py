"""The pictures themselves, read back: sizes, labels, counts and colours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from mmaction.evaluation.confusion_figures import confusion_figure, plain_text, save_figure

PADDING = 0.1  # inches that matplotlib leaves around what it saves


def shifted(classes: int, videos: int = 3) -> np.ndarray:
    """Two thirds of each class right, the rest taken for the next one."""
    right = np.eye(classes, dtype=np.int64)
    return (videos - 1) * right + np.roll(right, 1, axis=1)


def names_of(classes: int) -> list[str]:
    return [f"pretending to put something behind something {label}" for label in range(classes)]


def overlapping(figure: Figure) -> list[str]:
    """Labels of an axis that lie over their neighbours."""
    figure.draw_without_rendering()
    found = []
    ax = figure.axes[0]
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        boxes = [label.get_window_extent() for label in labels if label.get_text()]
        pairs = zip(boxes, boxes[1:], labels, strict=False)
        found += [label.get_text() for a, b, label in pairs if a.overlaps(b)]
    return found


@pytest.mark.parametrize(
    ("classes", "labels", "counts"),
    [
        (2, 2, True),
        (12, 12, True),
        (40, 40, True),
        (174, 174, False),
        (400, 20, False),
    ],
)
def test_labels_and_counts_stand_where_they_fit(classes: int, labels: int, counts: bool) -> None:
    figure = confusion_figure(shifted(classes), names_of(classes), "some.pkl")
    ax = figure.axes[0]
    assert len(ax.get_xticks()) == len(ax.get_yticks()) == labels
    written = [text.get_text() for text in ax.texts]
    assert sorted(written) == (["1"] * classes + ["2"] * classes if counts else [])
    assert overlapping(figure) == []
    saved = figure.get_tightbbox().padded(PADDING)
    for label in [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label]:
        box = label.get_window_extent()
        assert box.x0 >= saved.x0 * figure.dpi
        assert box.y0 >= saved.y0 * figure.dpi
        assert box.x1 <= saved.x1 * figure.dpi


def test_counts_that_dont_fit_are_left_out() -> None:
    figure = confusion_figure(shifted(30, 10_000_000), names_of(30), "some.pkl")
    assert not figure.axes[0].texts


def test_colours_tell_none_few_many_and_no_videos(tmp_path: Path) -> None:
    """Read in the middles of cells of two rows of many: lighter is less, white is none."""
    matrix = np.zeros((250, 250), dtype=np.int64)
    matrix[0, 0], matrix[0, 1] = 1, 99
    figure = confusion_figure(matrix, names_of(250), "some.pkl")
    save_figure(figure, tmp_path / "m.png")
    image = cv2.imread(str(tmp_path / "m.png"))[..., ::-1].astype(int)
    box, saved = figure.axes[0].get_window_extent(), figure.get_tightbbox().padded(PADDING)
    left, top = box.x0 - saved.x0 * figure.dpi, saved.y1 * figure.dpi - box.y1
    cell = box.width / 250

    def color(row: int, column: int) -> np.ndarray:
        return image[int(top + (row + 0.5) * cell), int(left + (column + 0.5) * cell)]

    few, many, none, no_videos = color(0, 0), color(0, 1), color(0, 2), color(1, 0)
    assert none.tolist() == [255, 255, 255]
    assert many.sum() < few.sum() < none.sum()
    assert np.abs(few - none).max() > 20, "one video of many can be seen"
    assert np.ptp(no_videos) < 8, "grey"
    assert no_videos.sum() < none.sum()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["no videos"]


def test_names_cant_break_a_picture(tmp_path: Path) -> None:
    names = ["$x_1", "a\tb\n", r"\frac{$", "動作 🏃"]
    save_figure(confusion_figure(shifted(4), names, "$100$ {.pkl"), tmp_path / "m.png")
    assert cv2.imread(str(tmp_path / "m.png")) is not None
    assert plain_text("x" * 50, 9) == "xxxx…xxxx"
