"""A confusion matrix as a picture, from two classes to hundreds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmaction.evaluation.confusion import row_shares
from mmaction.evaluation.figures import (
    DPI,
    FAINT_INK,
    INK,
    NOTHING,
    plain_text,
    text_width,
    write_title,
)

MARGIN, GAP, TITLE_HEIGHT, BAR_WIDTH, BAR_ROOM = 0.25, 0.12, 0.75, 0.2, 1.1  # inches
LEAST_WIDTH = 6.5
LEAST_SIDE = 3.0
LIGHTEST = 0.14  # of the colours: one video among many still stands out from none
DARK = 0.55  # shares from here on take white figures


@dataclass(frozen=True)
class Scale:
    """How large cells and letters are, for up to ``classes`` classes; 0 points: left out."""

    classes: float
    cell_inches: float
    label_points: float
    count_points: float
    lines: bool


SCALES = (
    Scale(20, 0.5, 10, 9, lines=True),
    Scale(60, 0.3, 8, 7, lines=True),
    Scale(200, 13 / DPI, 6.5, 0, lines=False),
    Scale(np.inf, 4 / DPI, 0, 0, lines=False),  # whole pixels a cell: none wider than another
)


def confusion_figure(matrix: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Draws rows of true classes over columns of answers.

    Colour is the share of the true class's videos, a single hue from light to dark, white for none;
    figures are numbers of videos. Names stand at the sides for up to 200 classes, counts in the
    cells for up to 60, where they fit; beyond, class numbers at round steps.

    Args:
        matrix: int, K×K, as ``confusion_matrix`` makes it.
        names: K class names.
        title: Stands on top.
    """
    classes = len(matrix)
    scale = next(s for s in SCALES if classes <= s.classes)
    cell = max(scale.cell_inches, LEAST_SIDE / classes)
    side = cell * classes
    rows = [f"{plain_text(n)}  {v}" for n, v in zip(names, matrix.sum(axis=1), strict=True)]
    columns = [plain_text(name) for name in names]
    label_room = 0.35
    points = scale.label_points
    left, bottom = (
        _whole_pixels(MARGIN + label_room + (text_width(t, points) if points else 0.4) + GAP)
        for t in (rows, columns)
    )
    width = _whole_pixels(max(left + side + GAP + BAR_ROOM + MARGIN, LEAST_WIDTH))
    height = _whole_pixels(bottom + side + TITLE_HEIGHT + MARGIN)
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    box = (left / width, bottom / height, side / width, side / height)
    ax = figure.add_axes(box)
    image = _draw_cells(ax, matrix, lines=scale.lines)
    if scale.count_points:
        _write_counts(ax, matrix, scale.count_points, 0.85 * cell)
    _write_labels(ax, rows, columns, points)
    _draw_color_bar(figure, image, (left + side + 2 * GAP, bottom + side), side)
    if (matrix.sum(axis=1) == 0).any():
        # In the corner that neither side's labels need.
        grey = Patch(facecolor=NOTHING, label="no videos")
        figure.legend(handles=[grey], loc="lower left", fontsize=8, frameon=False)
    write_title(figure, title, margin_inches=MARGIN)
    return figure


def _whole_pixels(inches: float) -> float:
    return ceil(inches * DPI) / DPI


def _colors() -> Colormap:
    """Blues: one hue, so that lightness alone tells; white where there is nothing."""
    blues = matplotlib.colormaps["Blues"](np.linspace(LIGHTEST, 1, 256))
    colors = LinearSegmentedColormap.from_list("shares", blues)
    return colors.with_extremes(under="white", bad=NOTHING)


def _draw_cells(ax: Any, matrix: np.ndarray, *, lines: bool) -> Any:
    classes = len(matrix)
    shares = row_shares(matrix)
    least = 1 / max(int(matrix.sum()), 1) / 2  # below the share of a single video
    image = ax.imshow(
        shares, cmap=_colors(), vmin=least, vmax=1, interpolation="nearest", aspect="auto"
    )
    if lines:
        edges = np.arange(classes + 1) - 0.5
        ax.hlines(edges, -0.5, classes - 0.5, color=NOTHING, linewidth=0.8)
        ax.vlines(edges, -0.5, classes - 0.5, color=NOTHING, linewidth=0.8)
    ax.set_xlim(-0.5, classes - 0.5)
    ax.set_ylim(classes - 0.5, -0.5)
    return image


def _write_counts(ax: Any, matrix: np.ndarray, points: float, room: float) -> None:
    """Numbers of videos in the cells, all of them or, where the longest doesn't fit, none."""
    if text_width([str(int(matrix.max()))], points) > room:
        return
    shares = row_shares(matrix)
    for row, column in np.argwhere(matrix):
        dark = shares[row, column] >= DARK
        ax.text(
            column,
            row,
            str(matrix[row, column]),
            fontsize=points,
            color="white" if dark else INK,
            ha="center",
            va="center",
        )


def _write_labels(ax: Any, rows: list[str], columns: list[str], points: float) -> None:
    ax.tick_params(length=0 if points else 3, colors=INK)
    if points:
        ax.set_xticks(range(len(columns)), columns, rotation=90, fontsize=points)
        ax.set_yticks(range(len(rows)), rows, fontsize=points)
    else:
        step = 20 if len(rows) <= 500 else 50 * -(-len(rows) // 1250)
        numbers = range(0, len(rows), step)
        ax.set_xticks(numbers, [str(n) for n in numbers], rotation=90, fontsize=9)
        ax.set_yticks(numbers, [str(n) for n in numbers], fontsize=9)
    said = "" if points else " (class number)"
    counts = " and its videos" if points else ""
    ax.set_xlabel(f"answer{said}", color=FAINT_INK)
    ax.set_ylabel(f"true class{said}{counts}", color=FAINT_INK)


def _draw_color_bar(figure: Figure, image: Any, corner: tuple[float, float], side: float) -> None:
    """Beside the matrix, its upper left corner given in inches."""
    width, height = figure.get_size_inches()
    tall = min(side, 4.0)
    left, top = corner
    box = (left / width, (top - tall) / height, BAR_WIDTH / width, tall / height)
    bar = figure.colorbar(image, cax=figure.add_axes(box))
    shares = (0.25, 0.5, 0.75, 1.0)
    bar.set_ticks(shares, labels=[f"{100 * share:.0f} %" for share in shares])
    bar.set_label("share of the true class; white: none", color=FAINT_INK, fontsize=8)
    bar.ax.tick_params(labelsize=8, colors=INK)
